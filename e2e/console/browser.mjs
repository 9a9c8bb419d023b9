// A browser, and what the specs do with it again and again.
import { chromium } from "playwright-core";

export async function open({ width = 1280, height = 800, theme = "light", locale = "en-US", tour = false } = {}) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    // Tests may run as root, in a machine that is thrown away.
    args: ["--no-sandbox", "--disable-gpu", "--force-color-profile=srgb"],
  });
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: theme,
    locale,
    reducedMotion: "reduce",
    permissions: ["clipboard-read", "clipboard-write"],
  });
  // Whoever is here for the first time is shown around, which most specs are not about.
  if (!tour) await context.addInitScript(() => localStorage.setItem("muster.tour", "seen"));
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  const troubles = [];
  page.on("pageerror", (error) => troubles.push(String(error)));
  page.on("console", (message) => {
    const text = message.text();
    // Answers that are refusals are what some specs are about.
    if (message.type() === "error" && !text.startsWith("Failed to load resource")) troubles.push(text);
  });
  return { browser, context, page, troubles };
}

export async function signIn(page, host, password, name = "admin") {
  await page.goto(`${host.url}/`);
  await page.getByLabel("Name or e-mail address").fill(name);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("heading", { name: "Overview" }).waitFor();
}

export async function push(page, host, name, file, folder) {
  await page.goto(`${host.url}/apps?do=push`);
  const { readFile } = await import("node:fs/promises");
  const bytes = (await readFile(file)).toString("base64");
  const files = await page.evaluateHandle(({ bytes, folder }) => {
    const raw = Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([raw], folder));
    return transfer;
  }, { bytes, folder });
  const place = page.locator(".drop");
  await place.dispatchEvent("dragover", { dataTransfer: files });
  await place.dispatchEvent("drop", { dataTransfer: files });
  await page.getByText("1 files").waitFor();
  await page.getByLabel("Name of the app").fill(name);
  await page.getByRole("button", { name: "Push", exact: true }).click();
  await page.getByRole("button", { name: `Open ${name}` }).waitFor({ timeout: 120_000 });
}

export function expect(is, why) {
  if (!is) throw new Error(why);
}

/** Asks the host's API as its admin. */
export async function api(host, password, method, path, body) {
  return (await client(host, password))(method, path, body);
}

/** The same for whoever asks often: signed in once. */
export async function client(host, password) {
  const form = new URLSearchParams({ grant_type: "password", username: "admin", password });
  const signedIn = await fetch(`${host.url}/oauth/token`, { method: "POST", body: form });
  const { access_token: token } = await signedIn.json();
  return async (method, path, body) => {
    const headers = { authorization: `Bearer ${token}`, ...(body && { "content-type": "application/json" }) };
    const reply = await fetch(`${host.url}/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
    const text = await reply.text();
    expect(reply.ok, `${method} ${path}: ${text}`);
    return text && JSON.parse(text);
  };
}
