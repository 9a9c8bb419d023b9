// Pictures of each page, for people who read the README.
import { open, push, signIn } from "./browser.mjs";

const PAGES = {
  overview: "/", hosts: "/hosts", token: "/hosts?do=token", cluster: "/cluster", roles: "/roles", role: "/roles/router",
  apps: "/apps", app: "/apps/shop", push: "/apps?do=push", jobs: "/jobs", audit: "/audit", identity: "/identity",
  settings: "/settings/passwords",
};

/** Links the other hosts to the first, unless they are. */
async function link([leader, ...others], password) {
  const ask = async (host, path, token, body, type = "application/json") => {
    const headers = { "content-type": type, ...(token && { authorization: `Bearer ${token}` }) };
    const reply = await fetch(`${host.url}${path}`, { method: body ? "POST" : "GET", headers, body });
    if (!reply.ok) throw new Error(`${path}: ${await reply.text()}`);
    return reply.json();
  };
  const signedIn = async (host) => {
    const form = new URLSearchParams({ grant_type: "password", username: "admin", password });
    const type = "application/x-www-form-urlencoded";
    return (await ask(host, "/oauth/token", null, form.toString(), type)).access_token;
  };
  const token = await signedIn(leader);
  for (const host of others) {
    const own = await signedIn(host);
    const { standing } = await ask(host, "/api/v1/link", own);
    if (standing !== "alone") continue;
    const made = await ask(leader, "/api/v1/link-tokens", token, "{}");
    await ask(host, "/api/v1/link/actions/join", own, JSON.stringify({ token: made.token }));
  }
}

export default async function ({ hosts, password, hello, folder, widths = [1280] }) {
  const [host] = hosts;
  await link(hosts, password);
  let first = true;
  for (const theme of ["light", "dark"]) {
    for (const width of widths) {
      const { browser, page } = await open({ width, height: width < 600 ? 740 : 800, theme });
      const shot = async (name) => {
        await page.waitForTimeout(900);
        const mark = widths.length > 1 ? `-${width}` : "";
        await page.screenshot({ path: `${folder}/${name}-${theme}${mark}.png` });
      };
      await page.goto(`${host.url}/`);
      await page.getByRole("heading", { name: "Sign in to this Muster" }).waitFor();
      await shot("sign-in");
      await signIn(page, host, password);
      if (first) {
        await push(page, host, "shop", hello, "hello.wasm");
        await push(page, host, "blog", hello, "hello.wasm");
        await page.goto(`${host.url}/apps/shop`);
        await page.getByRole("button", { name: "Scale" }).click();
        await page.getByLabel("How many instances").fill("6");
        await page.locator("dialog").getByRole("button", { name: "Scale" }).click();
        await page.getByText("6 of 6 run").waitFor();
        first = false;
      }
      for (const [name, path] of Object.entries(PAGES)) {
        await page.goto(`${host.url}${path}`);
        await page.locator("h1").first().waitFor();
        await page.locator(".skeleton").first().waitFor({ state: "detached" });
        await shot(name);
      }
      await browser.close();
    }
  }
}
