// Roles of two hosts in one matrix: one is taken from the other host by its switch,
// with the plan and its name typed, and given back; a plugin that is none is refused.
import { bringAxe, lookTwice } from "./axe.mjs";
import { api, expect, open, signIn } from "./browser.mjs";

export default async function ({ hosts: [first, second], password }) {
  const token = await api(first, password, "POST", "/link-tokens", {});
  await api(second, password, "POST", "/link/actions/join", { token: token.token });
  const { browser, context, page, troubles } = await open();
  await bringAxe(context);
  await signIn(page, first, password);
  await page.goto(`${first.url}/roles`);
  const cell = page.getByRole("switch", { name: `stager on ${second.name}` });
  await page.locator(`[role=switch][aria-label="stager on ${second.name}"][aria-checked=true]`).waitFor();
  await lookTwice(page, "roles");
  await cell.click();
  await page.locator("dialog .plan li").first().waitFor();
  const sure = page.locator("dialog").getByRole("button", { name: `Take stager from ${second.name}` });
  expect(await sure.isDisabled(), "it goes without its name");
  await page.getByLabel("Type stager to confirm").fill("stager");
  await lookTwice(page, "the plan");
  await sure.click();
  await page.locator(`[role=switch][aria-label="stager on ${second.name}"][aria-checked=false]`).waitFor();
  await page.locator(`[role=switch][aria-label="stager on ${first.name}"][aria-checked=true]`).waitFor();
  await cell.click();
  await page.locator("dialog").getByRole("button", { name: `Give stager to ${second.name}` }).click();
  await page.locator(`[role=switch][aria-label="stager on ${second.name}"][aria-checked=true]`).waitFor();

  await page.goto(`${first.url}/roles/stager?host=${second.name}`);
  await page.getByText(/muster:stager/).first().waitFor();
  await page.getByText(`muster --node ${second.name} role show stager`).waitFor();
  await lookTwice(page, "a role");
  await page.getByRole("button", { name: "Replace the plugin" }).click();
  await page.locator("#component").setInputFiles({ name: "x.wasm", mimeType: "application/wasm", buffer: Buffer.from("no plugin") });
  await page.getByRole("button", { name: "Try it out" }).click();
  await page.locator("dialog").getByRole("alert").filter({ hasText: /./ }).first().waitFor();
  expect(troubles.length === 0, troubles.join("\n"));
  await browser.close();
}
