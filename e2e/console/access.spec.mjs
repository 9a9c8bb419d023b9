// An access role is made of permissions, changed, given to somebody and taken away, and
// deleted. It counts at once.
import { bringAxe, lookTwice } from "./axe.mjs";
import { api, expect, open, signIn } from "./browser.mjs";

const SECRET = "quietly-borrowed 47 umbrellas";

export default async function ({ hosts: [host], password }) {
  await api(host, password, "POST", "/users", { name: "ada", type: "developer", password: SECRET });
  const { browser, context, page, troubles } = await open();
  await bringAxe(context);
  await signIn(page, host, password);
  const dialog = page.locator("dialog[open]");
  const row = (name) => page.locator(`tr[data-row="${name}"]`);

  await page.goto(`${host.url}/identity/access-roles`);
  await page.getByText("built in").first().waitFor();
  expect((await page.getByRole("button", { name: "Change" }).count()) === 0, "a built-in role can be changed");
  await page.getByRole("button", { name: "Create an access role" }).click();
  await dialog.getByLabel("Name", { exact: true }).fill("Auditor!");
  await dialog.getByLabel(/^audit:read/).check();
  await dialog.getByText("muster access-role create Auditor! --permission audit:read").waitFor();
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.locator("#name-told").filter({ hasText: /./ }).waitFor();
  await dialog.getByLabel("Name", { exact: true }).fill("auditor");
  await lookTwice(page, "a new access role");
  await dialog.getByRole("button", { name: "Save" }).click();
  await row("auditor").getByText("audit:read").waitFor();
  await row("auditor").getByRole("button", { name: "Change" }).click();
  expect(await dialog.getByLabel(/^audit:read/).isChecked(), "what it allows is not shown");
  await dialog.getByLabel(/^log:read/).check();
  await dialog.getByRole("button", { name: "Save" }).click();
  await row("auditor").getByText("log:read").waitFor();
  await lookTwice(page, "access roles");

  await page.goto(`${host.url}/identity/access-bindings`);
  await page.getByRole("button", { name: "Give an access role" }).click();
  await dialog.getByLabel("User").fill("ada");
  await dialog.getByLabel("Access role").selectOption("auditor");
  await lookTwice(page, "giving an access role");
  await dialog.getByRole("button", { name: "Give an access role" }).click();
  const binding = page.locator("tbody tr").filter({ hasText: "ada" }).filter({ hasText: "auditor" });
  await binding.getByText("everywhere").waitFor();
  await lookTwice(page, "who has access roles");
  const other = await open();
  await signIn(other.page, host, SECRET, "ada");
  await other.page.goto(`${host.url}/audit`);
  await other.page.locator("tbody tr").first().waitFor();

  // A role that somebody has stays.
  await page.goto(`${host.url}/identity/access-roles`);
  await row("auditor").getByRole("button", { name: "Delete" }).click();
  await dialog.getByRole("alert").filter({ hasText: /./ }).first().waitFor();
  await page.keyboard.press("Escape");
  await page.goto(`${host.url}/identity/access-bindings`);
  await binding.getByRole("button", { name: "Remove" }).click();
  await dialog.getByRole("button", { name: "Take the access role away" }).click();
  await binding.waitFor({ state: "detached" });
  await page.goto(`${host.url}/identity/access-roles`);
  await row("auditor").getByRole("button", { name: "Delete" }).click();
  await page.getByLabel("Type auditor to confirm").fill("auditor");
  await dialog.getByRole("button", { name: "Delete auditor" }).click();
  await row("auditor").waitFor({ state: "detached" });
  expect(troubles.length === 0, troubles.join("\n"));
  await other.browser.close();
  await browser.close();
}
