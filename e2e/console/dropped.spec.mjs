// The line to the host breaks off: the page says that it is stale, connects again by
// itself, and shows what has changed meanwhile.
import { connect, createServer } from "node:net";
import { bringAxe, lookTwice } from "./axe.mjs";
import { api, expect, open, signIn } from "./browser.mjs";

/** A line that can be cut: what comes in goes on to an address. */
function line(address) {
  const sockets = new Set();
  const [name, port] = address.split(":");
  const server = createServer((near) => {
    const far = connect(Number(port), name);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far).pipe(near);
  });
  const listen = (at) => new Promise((done) => server.listen(at, "127.0.0.1", () => done(server.address().port)));
  const cut = () => {
    const closed = new Promise((done) => server.close(done));
    for (const socket of sockets) socket.destroy();
    return closed;
  };
  return { listen, cut };
}

export default async function ({ hosts: [host], password }) {
  const between = line(new URL(host.url).host);
  const port = await between.listen(0);
  const { browser, context, page } = await open();
  await bringAxe(context);
  await signIn(page, { url: `http://127.0.0.1:${port}` }, password);
  await page.getByRole("link", { name: "Settings" }).click();
  const state = page.locator("tbody tr").filter({ hasText: "jobs" }).locator(".badge");
  await state.filter({ hasText: "defaults" }).waitFor();
  await page.locator(".connection.live").waitFor();

  await between.cut();
  await page.locator(".connection.stale").waitFor();
  expect((await page.locator(".connection").innerText()) === "Stale", "it does not say so");
  // What was seen stays.
  await state.filter({ hasText: "defaults" }).waitFor();
  await lookTwice(page, "stale");
  await api(host, password, "PUT", "/config/jobs", { keep_days: 12 });
  await between.listen(port);
  await page.locator(".connection.live").waitFor();
  await state.filter({ hasText: "set" }).waitFor();
  await browser.close();
}
