// An app is pushed by drag and drop, reached, scaled, and deleted after its name
// was typed.
import { request } from "node:http";
import { expect, open, push, signIn } from "./browser.mjs";

export default async function ({ hosts: [host], password, hello }) {
  const { browser, page, troubles } = await open();
  await signIn(page, host, password);
  await push(page, host, "shop", hello, "hello.wasm");
  await page.getByRole("button", { name: "Open shop" }).click();
  await page.getByRole("link", { name: "Routes" }).waitFor();
  const status = await ask(host.apps, "shop.localhost");
  expect(status === 200, `the app answers ${status}`);
  await page.locator("tbody .badge.good").first().waitFor();

  await page.getByRole("button", { name: "Scale" }).click();
  await page.getByLabel("How many instances").fill("1001");
  await page.locator("dialog").getByRole("button", { name: "Scale" }).click();
  await page.locator("#instances-told").filter({ hasText: /./ }).waitFor();
  await page.getByLabel("How many instances").fill("2");
  await page.locator("dialog").getByRole("button", { name: "Scale" }).click();
  await page.getByText("2 of 2 run").waitFor();

  await page.getByRole("link", { name: "Logs" }).click();
  await page.locator(".log p").first().waitFor();

  await page.getByRole("button", { name: "Delete" }).click();
  const sure = page.locator("dialog").getByRole("button", { name: "Delete shop" });
  await page.locator("dialog .plan li").first().waitFor();
  expect(await sure.isDisabled(), "it can be deleted without its name");
  await page.getByLabel("Type shop to confirm").fill("shop");
  await sure.click();
  await page.getByText("There are no apps yet.").waitFor();
  expect(troubles.length === 0, troubles.join("\n"));
  await browser.close();
}

/** The status with which an app answers. */
function ask(address, name) {
  return new Promise((done, fail) => {
    const asked = request(`http://${address}/`, { headers: { host: name } }, (reply) => {
      reply.resume();
      done(reply.statusCode);
    });
    asked.on("error", fail);
    asked.end();
  });
}
