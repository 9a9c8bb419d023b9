// Whoever is here for the first time is shown around, with keys or a mouse, on a telephone
// too, once.
import { bringAxe, lookTwice } from "./axe.mjs";
import { expect, open, signIn } from "./browser.mjs";

export default async function ({ hosts: [host], password }) {
  for (const width of [360, 1280]) {
    const { browser, context, page, troubles } = await open({ width, height: 740, tour: true });
    await bringAxe(context);
    await signIn(page, host, password);
    const tour = page.getByRole("dialog", { name: "Welcome to Muster" });
    await tour.getByText("1 of 7").waitFor();
    await lookTwice(page, `the tour, ${width}`);
    const box = await tour.boundingBox();
    expect(box.x >= 0 && box.x + box.width <= width, `the tour is off the screen: ${JSON.stringify(box)}`);
    await tour.getByRole("button", { name: "Next" }).click();
    await page.getByRole("dialog", { name: "Overview" }).waitFor();
    await page.keyboard.press("ArrowRight");
    const hosts = page.getByRole("dialog", { name: "Hosts" });
    await hosts.getByRole("link", { name: "Show me" }).click();
    await page.getByRole("heading", { name: "Hosts", exact: true, level: 1 }).waitFor();
    await hosts.getByText("3 of 7").waitFor();
    await hosts.getByRole("button", { name: "Back" }).click();
    await page.getByRole("dialog", { name: "Overview" }).waitFor();
    await page.keyboard.press("Escape");
    await page.locator(".tour").waitFor({ state: "detached" });
    await page.reload();
    await page.getByRole("heading", { name: "Hosts", exact: true, level: 1 }).waitFor();
    expect((await page.locator(".tour").count()) === 0, "the tour is shown again");
    if (width === 360) await page.getByRole("button", { name: "Pages" }).click();
    await page.getByRole("button", { name: "Tour" }).click();
    await page.getByText("1 of 7").waitFor();
    for (let stop = 1; stop < 7; stop += 1) await page.getByRole("button", { name: "Next" }).click();
    await page.getByRole("button", { name: "Done" }).click();
    await page.locator(".tour").waitFor({ state: "detached" });
    expect(troubles.length === 0, troubles.join("\n"));
    await browser.close();
  }
}
