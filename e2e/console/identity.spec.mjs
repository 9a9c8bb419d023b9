// Users are made, shut out, let in and deleted; a project, a quota, a key whose secret
// is shown once, a session that is ended, and an authenticator app that is enrolled.
import { createHmac } from "node:crypto";
import { bringAxe, lookTwice } from "./axe.mjs";
import { api, expect, open, signIn } from "./browser.mjs";

/** What an authenticator app shows for a secret in base32. */
function totp(secret) {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...secret.replaceAll("=", "")].map((it) => letters.indexOf(it).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const hash = createHmac("sha1", key).update(counter).digest();
  const at = hash[19] & 15;
  return String((hash.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

export default async function ({ hosts: [host], password }) {
  const { browser, context, page, troubles } = await open();
  await bringAxe(context);
  await signIn(page, host, password);
  const dialog = page.locator("dialog[open]");

  await page.goto(`${host.url}/identity`);
  await page.getByRole("button", { name: "Create a user" }).click();
  await dialog.getByLabel("Name", { exact: true }).fill("Ada!");
  await dialog.getByRole("button", { name: "Create a user" }).click();
  await page.locator("#name-told").filter({ hasText: /./ }).waitFor();
  await dialog.getByLabel("Name", { exact: true }).fill("ada");
  await lookTwice(page, "a new user");
  await dialog.getByRole("button", { name: "Create a user" }).click();
  const ada = page.locator('tr[data-row="ada"]');
  await ada.waitFor();
  await page.locator(".once output").filter({ hasText: /http/ }).waitFor();
  await lookTwice(page, "users");
  await ada.getByRole("button", { name: /Activate|Suspend/ }).waitFor();
  if (await ada.getByRole("button", { name: "Activate" }).count()) await ada.getByRole("button", { name: "Activate" }).click();
  await ada.getByRole("button", { name: "Suspend" }).click();
  await page.getByLabel("Type ada to confirm").fill("ada");
  await dialog.getByRole("button", { name: "Suspend ada" }).click();
  await ada.getByText("suspended").waitFor();
  await ada.getByRole("button", { name: "Activate" }).click();
  await ada.getByText("active", { exact: true }).waitFor();
  await ada.getByRole("button", { name: "Delete" }).click();
  await dialog.locator(".plan li").first().waitFor();
  await page.getByLabel("Type ada to confirm").fill("ada");
  await dialog.getByRole("button", { name: "Delete ada" }).click();
  await ada.waitFor({ state: "detached" });

  await page.goto(`${host.url}/identity/projects`);
  await page.getByRole("button", { name: "Create a project" }).click();
  await dialog.getByLabel("Name", { exact: true }).fill("shop");
  await dialog.getByRole("button", { name: "Create a project" }).click();
  await page.locator('tr[data-row="shop"]').waitFor();
  await lookTwice(page, "projects");

  await page.goto(`${host.url}/identity/quotas`);
  await page.getByRole("button", { name: "Set a quota" }).click();
  await dialog.getByLabel("At most").fill("2GiB");
  await dialog.getByLabel("Project").fill("shop");
  await dialog.getByRole("button", { name: "Show the plan" }).click();
  await dialog.getByRole("button", { name: "Set a quota" }).click();
  await page.locator("tbody tr").filter({ hasText: "2 GiB" }).filter({ hasText: "shop" }).waitFor();
  await lookTwice(page, "quotas");

  await page.goto(`${host.url}/identity/keys`);
  await page.getByText("You have no access keys.").waitFor();
  await page.getByRole("button", { name: "Create a key" }).click();
  await dialog.getByLabel("Name", { exact: true }).fill("ci");
  await dialog.getByLabel("What it may do").fill("app:read, job:read");
  await dialog.getByRole("button", { name: "Create a key" }).click();
  const secret = await page.locator(".once output").innerText();
  expect(/^MK\w+ muster_key_/.test(secret), secret);
  await lookTwice(page, "keys");
  await page.reload();
  await page.locator("tbody tr").filter({ hasText: "ci" }).waitFor();
  expect((await page.locator(".once").count()) === 0, "the secret is shown again");

  await api(host, password, "GET", "/self");
  await page.goto(`${host.url}/identity/sessions`);
  await page.getByText("this one").waitFor();
  await lookTwice(page, "sessions");
  const sessions = await page.locator("tbody tr").count();
  await page.getByRole("button", { name: "End", exact: true }).first().click();
  await dialog.getByRole("button", { name: "End the session" }).click();
  await page.waitForFunction((count) => document.querySelectorAll("tbody tr").length < count, sessions);

  await page.goto(`${host.url}/identity/factors`);
  await page.getByRole("button", { name: "Add an authenticator app" }).click();
  await dialog.getByLabel("Password").fill("wrong");
  await dialog.getByRole("button", { name: "Next" }).click();
  await page.locator("#password-told").filter({ hasText: /./ }).waitFor();
  await dialog.getByLabel("Password").fill(password);
  await dialog.getByRole("button", { name: "Next" }).click();
  await dialog.getByRole("img", { name: "QR code" }).waitFor();
  await lookTwice(page, "an authenticator app");
  await dialog.getByLabel("Code that the app shows").fill(totp(await dialog.locator("output").innerText()));
  await dialog.getByRole("button", { name: "Confirm" }).click();
  await page.getByRole("button", { name: "Remove the authenticator app" }).waitFor();
  await lookTwice(page, "factors");
  expect(troubles.length === 0, troubles.join("\n"));
  await browser.close();
}
