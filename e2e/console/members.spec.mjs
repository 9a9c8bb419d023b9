// Members of a project: added with the plan first, made something else, let in when they
// ask for it, and removed.
import { bringAxe, lookTwice } from "./axe.mjs";
import { api, expect, open, signIn } from "./browser.mjs";

const SECRET = "quietly-borrowed 47 umbrellas";

export default async function ({ hosts: [host], password }) {
  for (const name of ["ada", "bob"]) {
    await api(host, password, "POST", "/users", { name, type: "developer", password: SECRET });
  }
  await api(host, password, "POST", "/projects", { name: "shop", join_policy: "moderated" });
  const { browser, context, page, troubles } = await open();
  await bringAxe(context);
  await signIn(page, host, password);
  const dialog = page.locator("dialog[open]");
  const row = (name) => page.locator(`tr[data-row="${name}"]`);

  await page.goto(`${host.url}/identity/projects`);
  await row("shop").getByRole("link", { name: "shop" }).click();
  await page.waitForURL(/project=shop/);
  await row("admin").getByText("owner").waitFor();
  await page.getByRole("button", { name: "Add a member" }).click();
  await dialog.getByLabel("User").fill("nobody");
  await dialog.getByRole("button", { name: "Show the plan" }).click();
  await dialog.getByRole("alert").filter({ hasText: /nobody/ }).waitFor();
  await dialog.getByLabel("User").fill("bob");
  await dialog.getByText("muster project add-member shop bob --role member").waitFor();
  await dialog.getByRole("button", { name: "Show the plan" }).click();
  await dialog.locator(".plan li").first().waitFor();
  await lookTwice(page, "a new member");
  await dialog.getByRole("button", { name: "Save" }).click();
  await row("bob").getByText("member").waitFor();
  await row("bob").getByRole("button", { name: "Change" }).click();
  expect((await dialog.getByLabel("User").inputValue()) === "bob", "the dialog forgot who is meant");
  await dialog.getByLabel("As what").selectOption("viewer");
  await dialog.getByRole("button", { name: "Show the plan" }).click();
  await dialog.getByRole("button", { name: "Save" }).click();
  await row("bob").getByText("viewer").waitFor();
  await row("bob").getByRole("button", { name: "Change" }).click();
  expect((await dialog.getByLabel("As what").inputValue()) === "viewer", "the dialog begins with another role");
  await page.keyboard.press("Escape");

  // Somebody who asks to be let in shows up by themselves.
  const other = await open();
  await signIn(other.page, host, SECRET, "ada");
  await other.page.goto(`${host.url}/identity/projects`);
  const theirs = other.page.locator('tr[data-row="shop"]');
  await theirs.getByRole("button", { name: "Join" }).click();
  await theirs.getByText("asks to be let in").waitFor();
  await row("ada").getByText("asks to be let in").waitFor();
  await lookTwice(page, "members");
  await row("ada").getByRole("button", { name: "Accept" }).click();
  await row("ada").getByText("in", { exact: true }).waitFor();
  await theirs.getByText("member", { exact: true }).waitFor();
  await theirs.getByRole("button", { name: "Leave" }).click();
  await other.page.getByLabel("Type shop to confirm").fill("shop");
  await other.page.locator("dialog[open]").getByRole("button", { name: "Leave shop" }).click();
  await row("ada").waitFor({ state: "detached" });

  await row("bob").getByRole("button", { name: "Remove" }).click();
  await page.getByLabel("Type bob to confirm").fill("bob");
  await dialog.getByRole("button", { name: "Remove bob" }).click();
  await row("bob").waitFor({ state: "detached" });
  troubles.push(...other.troubles);
  expect(troubles.length === 0, troubles.join("\n"));
  await other.browser.close();
  await browser.close();
}
