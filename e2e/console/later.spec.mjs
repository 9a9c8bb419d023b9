// Pages are loaded when they are looked at, or by themselves once the browser has nothing
// else to do. One that cannot be loaded says so and what helps.
import { bringAxe, lookTwice } from "./axe.mjs";
import { expect, open, signIn } from "./browser.mjs";

const PAGES = ["Hosts", "Cluster", "Roles", "Apps", "Jobs", "Audit", "Identity", "Settings"];

export default async function ({ hosts: [host], password }) {
  const { browser, context, page, troubles } = await open();
  await bringAxe(context);
  let away = true;
  const parts = new Set();
  await context.route(/\/console\/(split|chunk)-/, (route) => {
    if (away) return route.abort();
    parts.add(new URL(route.request().url()).pathname);
    return route.fallback();
  });
  await signIn(page, host, password);
  await page.goto(`${host.url}/hosts`);
  const trouble = page.getByRole("heading", { name: "This page could not be loaded" }).first();
  await trouble.waitFor();
  await lookTwice(page, "a page that could not be loaded");
  // What was loaded at first goes on.
  await page.getByRole("link", { name: "Overview" }).click();
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  away = false;
  await page.getByRole("link", { name: "Hosts" }).click();
  await page.getByRole("heading", { name: "Hosts", exact: true }).waitFor();

  // All others come without being asked for; then no page asks for anything more.
  await page.waitForTimeout(500);
  parts.clear();
  await page.goto(`${host.url}/`);
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  const own = (part) => [...parts].some((path) => path.startsWith(`/console/split-${part}-`));
  for (let tries = 0; !["machines", "apps", "people"].every(own); tries += 1) {
    expect(tries < 200, `not all pages came: ${[...parts].join(" ")}`);
    await page.waitForTimeout(100);
  }
  await page.waitForTimeout(500);
  away = true;
  for (const name of PAGES) {
    await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name, exact: true }).click();
    await page.getByRole("heading", { name, exact: true, level: 1 }).waitFor();
  }
  const others = troubles.filter((text) => !text.includes("Failed to fetch"));
  expect(others.length === 0, others.join("\n"));
  await browser.close();
}
