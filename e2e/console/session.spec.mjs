// Somebody signs in, is known after a reload, and is not after signing out.
import { expect, open, signIn } from "./browser.mjs";

export default async function ({ hosts: [host], password }) {
  const { browser, context, page, troubles } = await open();
  await page.goto(`${host.url}/apps`);
  await page.getByLabel("Name or e-mail address").fill("admin");
  await page.getByLabel("Password", { exact: true }).fill("wrong");
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  const told = page.locator("#password-told");
  await told.filter({ hasText: /./ }).waitFor();
  expect((await page.locator("#password").getAttribute("aria-invalid")) === "true", "the field is not marked");
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  // A deep link leads where it says.
  await page.getByRole("heading", { name: "Apps", exact: true }).waitFor();
  await page.locator(".connection.live").waitFor();

  const cookies = await context.cookies();
  const session = cookies.find((cookie) => cookie.name.includes("session"));
  expect(session?.httpOnly && session.sameSite === "Strict", `the cookie is open: ${JSON.stringify(session)}`);
  const kept = await page.evaluate(() => JSON.stringify([localStorage, sessionStorage, document.cookie]));
  expect(!kept.includes("eyJ") && !kept.includes("muster_"), `a token is kept: ${kept}`);

  await page.reload();
  await page.getByRole("heading", { name: "Apps", exact: true }).waitFor();
  // The palette finds pages by a few letters.
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: /page/ }).fill("hos");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Hosts", exact: true }).waitFor();

  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in to this Muster" }).waitFor();
  await page.reload();
  await page.getByRole("heading", { name: "Sign in to this Muster" }).waitFor();

  // A page of another site cannot renew a session.
  const reply = await context.request.post(`${host.url}/session/renewal`);
  expect(reply.status() === 403, `renewed from elsewhere: ${reply.status()}`);
  expect(troubles.length === 0, troubles.join("\n"));
  await browser.close();
}
