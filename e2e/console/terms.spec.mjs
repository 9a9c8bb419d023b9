// Terms of use are added and shown as text; somebody accepts them on the host's sign-in
// pages, comes back to the console with a code, and is listed.
import { bringAxe, lookTwice } from "./axe.mjs";
import { api, expect, open, signIn } from "./browser.mjs";

const SECRET = "quietly-borrowed 47 umbrellas";

export default async function ({ hosts: [host], password }) {
  await api(host, password, "POST", "/users", { name: "ada", type: "developer", password: SECRET });
  const { browser, context, page, troubles } = await open();
  await bringAxe(context);
  await signIn(page, host, password);
  const dialog = page.locator("dialog[open]");
  await page.goto(`${host.url}/identity/terms`);
  await page.getByText("There are no terms of use.").waitFor();
  await page.getByRole("button", { name: "Add a version" }).click();
  await dialog.getByRole("button", { name: "Add a version" }).click();
  await page.locator("#text-told").filter({ hasText: /./ }).waitFor();
  await dialog.getByLabel("Type").selectOption("text/html");
  await dialog.getByLabel("Terms of use").fill("<h1>Be kind</h1>\n<script>document.title = 'run'</script>");
  await lookTwice(page, "new terms of use");
  await dialog.getByRole("button", { name: "Add a version" }).click();
  await page.getByRole("link", { name: "Version 1" }).waitFor();
  await lookTwice(page, "terms of use");

  const other = await open();
  const theirs = other.page;
  await theirs.goto(`${host.url}/jobs`);
  await theirs.getByLabel("Name or e-mail address").fill("ada");
  await theirs.getByLabel("Password", { exact: true }).fill(SECRET);
  await theirs.getByRole("button", { name: "Sign in", exact: true }).click();
  await theirs.getByText("The terms of use must be accepted first").waitFor();
  await theirs.getByRole("button", { name: "Sign in another way" }).click();
  await theirs.getByLabel("User name").fill("ada");
  await theirs.getByLabel("Password", { exact: true }).fill(SECRET);
  await theirs.getByRole("button", { name: "Sign in" }).click();
  await theirs.getByRole("button", { name: /accept/i }).click();
  await theirs.getByRole("heading", { name: "Jobs", exact: true }).waitFor();

  await page.getByRole("link", { name: "Version 1" }).click();
  await page.waitForURL(/version=1/);
  await page.locator("pre").filter({ hasText: "<h1>Be kind</h1>" }).waitFor();
  expect((await page.title()) !== "run", "the terms were run");
  await page.locator("tbody tr").filter({ hasText: "ada" }).waitFor();
  await lookTwice(page, "a version of the terms of use");
  troubles.push(...other.troubles);
  expect(troubles.length === 0, troubles.join("\n"));
  await other.browser.close();
  await browser.close();
}
