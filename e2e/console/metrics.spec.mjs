// Requests of an app show up in its charts and in the table beside them, by themselves.
import { request } from "node:http";
import { bringAxe, lookTwice } from "./axe.mjs";
import { expect, open, push, signIn } from "./browser.mjs";

/** Asks the app once, to the last byte. */
function ask(host, app) {
  const [hostname, port] = host.apps.split(":");
  return new Promise((done, fail) => {
    const asked = request({ hostname, port, path: "/", headers: { host: `${app}.localhost` } }, (reply) => {
      reply.resume().on("end", () => done(reply.statusCode));
    });
    asked.on("error", fail).end();
  });
}

export default async function ({ hosts: [host], password, hello }) {
  const { browser, context, page, troubles } = await open();
  await bringAxe(context);
  await signIn(page, host, password);
  await push(page, host, "shop", hello, "hello.wasm");
  await page.goto(`${host.url}/apps/shop`);
  await page.getByRole("link", { name: "Metrics" }).click();
  const chart = page.getByRole("img", { name: /Requests per second/ });
  await chart.waitFor();
  await page.getByText("As a table").click();
  await page.getByText("No request ended in the last hour.").waitFor();
  await lookTwice(page, "metrics of an app without requests");
  for (let count = 0; count < 30; count += 1) expect((await ask(host, "shop")) === 200, "the app does not answer");
  const counts = page.locator("tbody tr td:nth-child(2)");
  await counts.first().waitFor();
  for (let tries = 0; ; tries += 1) {
    const numbers = await counts.allInnerTexts();
    if (numbers.reduce((sum, text) => sum + Number(text), 0) === 30) break;
    expect(tries < 30, `${numbers} are not 30`);
    await page.waitForTimeout(1_000);
  }
  const told = await chart.locator("desc").textContent();
  expect(/requests: at most [1-9]/.test(told.replace("0.", "")), told);
  const line = await chart.locator("path.first").getAttribute("d");
  expect(line.split("L").length === 360, `${line.split("L").length} points`);
  await lookTwice(page, "metrics of an app");
  expect(troubles.length === 0, troubles.join("\n"));
  await browser.close();
}
