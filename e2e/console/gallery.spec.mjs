// The gallery's table has 5,000 rows, of which few are drawn: they are scrolled,
// filtered, sorted and reached by links, with a keyboard, too.
import { bringAxe, lookTwice } from "./axe.mjs";
import { expect, open, signIn } from "./browser.mjs";
import { scrollThrough } from "./scroll.mjs";

const ROWS = 5_000;

/** The names of the rows that are in view. */
const inView = (page) => page.evaluate(() => {
  const frame = document.querySelector(".table-frame").getBoundingClientRect();
  const head = document.querySelector("thead").getBoundingClientRect().height;
  const rows = [...document.querySelectorAll("tr[data-row]")];
  const seen = rows.filter((row) => {
    const { top, bottom } = row.getBoundingClientRect();
    return bottom > frame.top + head + 1 && top < frame.bottom - 1;
  });
  return seen.map((row) => row.dataset.row);
});

export default async function ({ hosts: [host], password }) {
  const { browser, context, page, troubles } = await open();
  await bringAxe(context);
  await signIn(page, host, password);
  await page.goto(`${host.url}/gallery`);
  const frame = page.locator(".table-frame");
  await page.locator('tr[data-row="row-1"]').waitFor();
  expect((await page.locator("table").getAttribute("aria-rowcount")) === String(ROWS + 1), "the rows are not counted");
  await lookTwice(page, "the gallery");

  // Rows are in view all the time.
  const { frames, empty, most } = await scrollThrough(page);
  expect(frames.length > 100, `only ${frames.length} screens were scrolled`);
  expect(most < 150, `${most} rows were drawn`);
  expect(empty <= frames.length / 10, `${empty} of ${frames.length} screens were empty`);
  await page.locator(`tr[data-row="row-${ROWS}"]`).waitFor();
  expect((await page.locator(`tr[data-row="row-${ROWS}"]`).getAttribute("aria-rowindex")) === String(ROWS + 1), "the last row is not numbered");

  // The address leads back there.
  await page.waitForURL(/row=\d{4}/);
  const there = await inView(page);
  await page.reload();
  await page.locator(`tr[data-row="${there[3]}"]`).waitFor();
  // It is drawn before the table is scrolled to it.
  for (let tries = 0; !(await inView(page)).includes(there[3]); tries += 1) {
    expect(tries < 20, `the link leads to ${await inView(page)}`);
    await page.waitForTimeout(100);
  }

  // Sorted and filtered, it begins at the top.
  const number = page.locator("thead button").filter({ hasText: "No." });
  await number.click();
  await number.click();
  await page.locator(`tr[data-row="row-${ROWS}"][aria-rowindex="2"]`).waitFor();
  await page.waitForURL(/sort=-3/);
  await page.getByRole("searchbox", { name: "Filter" }).fill("row-49");
  await page.locator('tr[data-row="row-4999"][aria-rowindex="2"]').waitFor();
  await page.waitForURL(/filter=row-49/);
  await page.reload();
  await page.locator('tr[data-row="row-4999"][aria-rowindex="2"]').waitFor();
  await page.getByRole("searchbox", { name: "Filter" }).fill("");

  // With a keyboard alone.
  await page.locator(`tr[data-row="row-${ROWS}"]`).waitFor();
  await frame.focus();
  await page.keyboard.press("End");
  await page.locator('tr[data-row="row-1"]').waitFor();
  await page.keyboard.press("Home");
  await page.locator(`tr[data-row="row-${ROWS}"]`).waitFor();
  await page.locator(`tr[data-row="row-${ROWS}"]`).getByRole("button", { name: "Delete" }).press("Enter");
  await page.getByLabel(`Type row-${ROWS} to confirm`).waitFor();
  await page.keyboard.press("Escape");

  // What the host says of the form is beside it.
  await page.getByRole("button", { name: "Save" }).click();
  await page.locator("form .trouble").waitFor();
  await lookTwice(page, "the gallery, with a failure");
  expect(troubles.length === 0, troubles.join("\n"));
  await browser.close();
}
