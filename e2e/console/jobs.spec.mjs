// Jobs are listed as they begin, filtered by what the address says, looked at one by
// one, and those that go on are cancelled.
import { bringAxe, lookTwice } from "./axe.mjs";
import { api, expect, open, push, signIn } from "./browser.mjs";

export default async function ({ hosts: [host], password, hello, slow }) {
  const { browser, context, page, troubles } = await open();
  await bringAxe(context);
  await signIn(page, host, password);
  // One that goes on is cancelled, which its page shows by itself.
  await page.goto(`${host.url}/jobs`);
  await page.locator(`tr[data-row="${slow}"]`).getByRole("button", { name: "Cancel" }).waitFor();
  await page.goto(`${host.url}/jobs/${slow}`);
  await page.getByText("running").waitFor();
  await lookTwice(page, "a job that goes on");
  await page.getByRole("button", { name: "Cancel the job" }).click();
  await page.getByText("cancelled", { exact: true }).waitFor();
  expect((await page.getByRole("button", { name: "Cancel the job" }).count()) === 0, "it can be cancelled again");

  await page.goto(`${host.url}/jobs?state=failed`);
  await page.getByText("There are no such jobs.").waitFor();
  await push(page, host, "shop", hello, "hello.wasm");
  await page.goto(`${host.url}/jobs`);
  const row = page.locator("tbody tr").filter({ hasText: "push" });
  await row.getByText("succeeded").waitFor();
  await lookTwice(page, "jobs");

  // What begins meanwhile shows up by itself.
  const job = await api(host, password, "POST", "/apps/shop/actions/restart");
  await page.locator(`tr[data-row="${job.id}"]`).waitFor();
  await page.getByLabel("State").selectOption("succeeded");
  await page.waitForURL(/state=succeeded/);
  await page.getByRole("button", { name: "Made" }).click();
  await page.waitForURL(/sort=5/);
  await page.reload();
  expect((await page.getByLabel("State").inputValue()) === "succeeded", "the filter is not in the address");
  // The heading says how it is sorted; its button is called as before, without the arrow.
  const sorted = page.locator('th[aria-sort="ascending"]');
  await sorted.getByRole("button", { name: "Made", exact: true }).waitFor();

  await row.getByRole("link").first().click();
  await page.waitForURL(/\/jobs\/[0-9a-f-]{36}/);
  await page.locator(".log p").first().waitFor();
  await page.getByText(/muster job show .* --follow/).waitFor();
  await lookTwice(page, "a job");
  await page.goto(`${host.url}/jobs/0199d1a2-7f30-7a52-9bd2-6b1b1c3d1e4f`);
  await page.getByRole("alert").filter({ hasText: /no job|no such/i }).waitFor();
  expect(troubles.length === 0, troubles.join("\n"));
  await browser.close();
}
