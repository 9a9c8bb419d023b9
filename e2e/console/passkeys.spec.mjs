// A passkey is made by a device, renamed, used to sign in on the host's pages, and
// removed.
import { bringAxe, lookTwice } from "./axe.mjs";
import { api, expect, open, signIn } from "./browser.mjs";

/** A device that is always there and shows the right finger. */
async function device(context, page) {
  const session = await context.newCDPSession(page);
  await session.send("WebAuthn.enable");
  const options = { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true };
  const { authenticatorId } = await session.send("WebAuthn.addVirtualAuthenticator", { options });
  const willing = (enabled) => session.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified: enabled });
  return { willing };
}

export default async function ({ hosts: [numbered], password }) {
  // Passkeys are for names.
  const host = { ...numbered, url: numbered.url.replace("127.0.0.1", "localhost") };
  const { browser, context, page, troubles } = await open();
  await bringAxe(context);
  const { willing } = await device(context, page);
  await signIn(page, host, password);
  const dialog = page.locator("dialog[open]");
  const prove = async () => {
    await dialog.getByLabel("Password").fill(password);
    await dialog.getByRole("button", { name: "Next" }).click();
  };
  await page.goto(`${host.url}/identity/factors`);
  await page.getByRole("button", { name: "Add a passkey" }).click();
  await prove();
  await dialog.getByRole("alert").filter({ hasText: /public_url/ }).waitFor();
  await page.keyboard.press("Escape");
  await api(numbered, password, "PUT", "/config/management", { public_url: host.url });

  await page.getByRole("button", { name: "Add a passkey" }).click();
  await prove();
  await dialog.getByRole("button", { name: "Ask the device" }).waitFor();
  await lookTwice(page, "asking a device");
  await willing(false);
  await dialog.getByRole("button", { name: "Ask the device" }).click();
  await dialog.getByText("The device made no passkey").waitFor();
  await willing(true);
  await dialog.getByRole("button", { name: "Ask the device" }).click();
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.locator("#name-told").filter({ hasText: /./ }).waitFor();
  await dialog.getByLabel("Name", { exact: true }).fill("phone");
  await dialog.getByRole("button", { name: "Save" }).click();
  const key = page.locator(".things li");
  await key.getByText("phone").waitFor();
  await key.getByRole("button", { name: "Rename" }).click();
  await dialog.getByLabel("Name", { exact: true }).fill("laptop");
  await dialog.getByRole("button", { name: "Save" }).click();
  await key.getByText("laptop").waitFor();
  await key.getByText("not used yet").waitFor();
  await lookTwice(page, "passkeys");

  // The console itself asks for codes; the host's own pages ask passkeys, and send the
  // browser back to where it was.
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in to this Muster" }).waitFor();
  await page.getByRole("button", { name: "Sign in another way" }).click();
  await page.getByLabel("User name").fill("admin");
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("button", { name: "Use a passkey" }).click();
  await page.waitForURL(`${host.url}/identity/factors`);
  await key.getByText(/used .* ago/).waitFor();

  await key.getByRole("button", { name: "Remove" }).click();
  await prove();
  await key.waitFor({ state: "detached" });
  expect(troubles.length === 0, troubles.join("\n"));
  await browser.close();
}
