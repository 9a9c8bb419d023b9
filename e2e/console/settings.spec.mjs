// A section of the configuration is changed in the form that its description makes,
// refused beside its field, and given its defaults again.
import { bringAxe, lookTwice } from "./axe.mjs";
import { api, expect, open, signIn } from "./browser.mjs";

export default async function ({ hosts: [host], password }) {
  const { browser, context, page, troubles } = await open();
  await bringAxe(context);
  await signIn(page, host, password);
  await page.goto(`${host.url}/settings`);
  await page.getByRole("link", { name: "passwords" }).waitFor();
  await lookTwice(page, "settings");
  await page.getByRole("link", { name: "passwords" }).click();
  const failures = page.getByLabel("lockout.failures");
  await failures.waitFor();
  await lookTwice(page, "a section");
  const pause = page.getByLabel("lockout.longest_pause");
  expect((await pause.inputValue()) === "15m", await pause.inputValue());
  await pause.fill("20m");
  await page.getByText('muster config set passwords lockout.longest_pause="20m"').waitFor();
  await failures.fill("7");
  await page.getByText("lockout.failures=7").waitFor();
  await page.getByLabel("min_score").fill("9");
  await page.getByRole("button", { name: "Save" }).click();
  await page.locator(".field.wrong").filter({ hasText: "min_score" }).waitFor();
  await page.getByLabel("min_score").fill("3");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("button", { name: "Reset" }).waitFor();
  const { values } = await api(host, password, "GET", "/config/passwords");
  expect(values.lockout.failures === 7, JSON.stringify(values));
  expect(values.lockout.longest_pause === 20 * 60_000, JSON.stringify(values));
  await page.getByRole("button", { name: "Reset" }).click();
  await page.getByLabel("Type passwords to confirm").fill("passwords");
  await page.locator("dialog[open]").getByRole("button", { name: "Give passwords its defaults" }).click();
  await page.getByRole("button", { name: "Reset" }).waitFor({ state: "detached" });
  expect(troubles.length === 0, troubles.join("\n"));
  await browser.close();
}
