// The audit log tells who did what as it happens, finds by what the address says,
// shows before and after, and is checked for tampering.
import { bringAxe, lookTwice } from "./axe.mjs";
import { api, client, expect, open, signIn } from "./browser.mjs";

export default async function ({ hosts: [host], password }) {
  const { browser, context, page, troubles } = await open();
  await bringAxe(context);
  await signIn(page, host, password);
  await page.goto(`${host.url}/audit`);
  await page.locator("tbody tr").first().waitFor();
  await api(host, password, "PUT", "/config/jobs", { keep_days: 12 });
  const row = page.locator("tbody tr").filter({ hasText: "config" }).first();
  await row.waitFor();
  await lookTwice(page, "audit");

  await page.getByLabel("What", { exact: true }).fill("config.");
  await page.keyboard.press("Tab");
  await page.waitForURL(/action=config/);
  await page.getByText("muster audit list --action 'config.'").waitFor();
  await page.waitForFunction(() => [...document.querySelectorAll("tbody tr")].every((row) => row.innerText.includes("config.")));
  await page.getByRole("button", { name: "Look" }).first().click();
  await page.waitForURL(/entry=\d+/);
  await page.locator("dialog pre").filter({ hasText: '"keep_days": 12' }).waitFor();
  await lookTwice(page, "an entry");
  await page.reload();
  await page.locator("dialog pre").first().waitFor();
  await page.keyboard.press("Escape");

  // Older entries are on further pages, whose addresses lead there again.
  const ask = await client(host, password);
  for (let days = 1; days <= 105; days += 1) await ask("PUT", "/config/jobs", { keep_days: days });
  await page.goto(`${host.url}/audit?action=config.`);
  await page.locator("tbody tr").first().waitFor();
  const numbers = () => page.locator("tbody tr").evaluateAll((rows) => rows.map((row) => Number(row.dataset.row)));
  const newest = await numbers();
  await page.getByRole("button", { name: "Older" }).click();
  await page.waitForURL(/cursor=/);
  await page.waitForFunction((last) => {
    const rows = [...document.querySelectorAll("tbody tr[data-row]")];
    return rows.length > 0 && rows.every((row) => Number(row.dataset.row) < last);
  }, Math.min(...newest));
  const older = await numbers();
  await page.reload();
  await page.locator(`tr[data-row="${older[0]}"]`).waitFor();
  await lookTwice(page, "older entries");
  await page.getByRole("button", { name: "Newest" }).click();
  await page.locator(`tr[data-row="${newest[0]}"]`).waitFor();

  await page.getByRole("button", { name: "Check the log" }).click();
  await page.getByLabel("Head", { exact: true }).fill("nonsense");
  await page.getByRole("button", { name: "Check", exact: true }).click();
  await page.locator("#head-told").filter({ hasText: /NUMBER:HASH/ }).waitFor();
  await page.getByLabel("Head", { exact: true }).first().fill("");
  await page.getByRole("button", { name: "Check", exact: true }).click();
  await page.getByText(/All \d+ entries are what was written/).waitFor();
  const head = await page.locator("dialog output").innerText();
  expect(/^\d+:[0-9a-f]{64}$/.test(head), head);
  await lookTwice(page, "the check");
  expect(troubles.length === 0, troubles.join("\n"));
  await browser.close();
}
