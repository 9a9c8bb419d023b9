// A host of the group is killed: the leader's console shows it so long before its
// silence counts as its loss, which takes ten seconds, and without being loaded anew.
import { bringAxe, lookTwice } from "./axe.mjs";
import { api, expect, open, signIn } from "./browser.mjs";

export default async function ({ hosts: [leader, follower], password, pid }) {
  const { token } = await api(leader, password, "POST", "/link-tokens", {});
  await api(follower, password, "POST", "/link/actions/join", { token });
  const { browser, context, page, troubles } = await open();
  await bringAxe(context);
  await signIn(page, leader, password);
  await page.goto(`${leader.url}/hosts`);
  const badge = page.locator(`tr[data-row="${follower.name}"] .badge`).first();
  await badge.filter({ hasText: /ready|in use/ }).waitFor();
  // It has a question for news open by now.
  await page.waitForTimeout(3_000);
  await page.evaluate(() => { window.sameLoad = true; });

  const killed = Date.now();
  process.kill(pid, "SIGKILL");
  await badge.filter({ hasText: "unreachable" }).waitFor({ timeout: 15_000 });
  const took = Date.now() - killed;
  console.log(`shown after ${took} ms`);
  expect(took < 9_000, `it was shown after ${took} ms`);
  expect(await page.evaluate(() => window.sameLoad), "the page was loaded anew");
  await lookTwice(page, "a lost host");
  expect(troubles.length === 0, troubles.join("\n"));
  await browser.close();
}
