// How quick the console is, for `cargo xtask bench console`: figures as JSON.
import { open, signIn } from "./browser.mjs";
import { scrollThrough } from "./scroll.mjs";

const middle = (values) => values.sort((one, other) => one - other)[Math.floor(values.length / 2)];

/** Opens the console for the first time: the milliseconds until somebody can type in
 * it, and the bytes that came over the wire. */
async function firstLoad(host) {
  const { browser, page } = await open();
  await page.goto(`${host.url}/`, { waitUntil: "commit" });
  const field = page.getByLabel("Name or e-mail address");
  await field.fill("admin");
  const loaded = await page.evaluate(() => {
    const entries = ["navigation", "resource"].flatMap((kind) => performance.getEntriesByType(kind));
    return { ms: performance.now(), bytes: entries.reduce((sum, entry) => sum + entry.transferSize, 0) };
  });
  await browser.close();
  return loaded;
}

export default async function ({ hosts: [host], password, rounds }) {
  const loads = [];
  for (let round = 0; round < rounds; round += 1) loads.push(await firstLoad(host));
  const { browser, page } = await open();
  await signIn(page, host, password);
  await page.goto(`${host.url}/gallery`);
  await page.locator('tr[data-row="row-1"]').waitFor();
  const { frames, empty, most } = await scrollThrough(page);
  await browser.close();
  console.log(JSON.stringify({
    interactive_ms: middle(loads.map(({ ms }) => ms)),
    bytes: middle(loads.map(({ bytes }) => bytes)),
    screens: frames.length,
    empty,
    rows_drawn: most,
    frame_p50_ms: middle(frames),
    frame_p95_ms: frames[Math.floor(frames.length * 0.95)],
  }));
}
