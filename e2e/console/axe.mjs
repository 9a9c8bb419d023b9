// axe looks at a page in both themes; it finds nothing, and nothing is wider than
// the window.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { expect } from "./browser.mjs";

export const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

/** Has axe in every page from now on: the console's policy lets in no script but its own. */
export async function bringAxe(context) {
  await context.addInitScript(axe);
}

export async function look(page, where) {
  await page.waitForTimeout(600);
  const found = await page.evaluate(async (rules) => {
    const { violations } = await window.axe.run(document, { runOnly: rules });
    return violations.map((it) => `${it.id}: ${it.nodes.map((node) => `${node.html} ${node.failureSummary}`).join("; ")}`);
  }, RULES);
  expect(found.length === 0, `${where}\n${found.join("\n")}`);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  expect(wide <= 0, `${where} is ${wide} wider than the window`);
}

/** The same in both themes. */
export async function lookTwice(page, where) {
  for (const theme of ["light", "dark"]) {
    await page.evaluate((theme) => { document.documentElement.dataset.theme = theme; }, theme);
    await look(page, `${where}, ${theme}`);
  }
}
