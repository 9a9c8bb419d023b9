// axe finds nothing on any page, in either theme, at one width; and nothing is
// wider than the window.
import { bringAxe, look } from "./axe.mjs";
import { open, push, signIn } from "./browser.mjs";

const PAGES = ["/", "/hosts", "/hosts?do=token", "/hosts?do=link", "/apps", "/apps?do=push", "/apps/shop", "/apps/shop/metrics", "/apps/shop/routes", "/apps/shop/env", "/apps/shop/logs", "/apps/shop/releases", "/jobs", "/audit", "/roles", "/roles/router", "/cluster", "/identity", "/identity/projects?project=admin", "/identity/access-roles", "/identity/access-bindings", "/identity/terms", "/identity/factors", "/settings", "/settings/mail", "/gallery", "/nowhere"];

export default async function ({ hosts: [host], password, hello, width }) {
  for (const theme of ["light", "dark"]) {
    const { browser, context, page } = await open({ width, height: width === 360 ? 740 : 1000, theme });
    await bringAxe(context);
    await page.goto(`${host.url}/`);
    await page.getByRole("heading", { name: "Sign in to this Muster" }).waitFor();
    await look(page, `sign-in, ${theme}, ${width}`);
    await signIn(page, host, password);
    if (theme === "light") await push(page, host, "shop", hello, "hello.wasm");
    for (const path of PAGES) {
      await page.goto(`${host.url}${path}`);
      await page.locator("h1").first().waitFor();
      // The gallery shows one all the time.
      if (path !== "/gallery") await page.locator(".skeleton").first().waitFor({ state: "detached" });
      await look(page, `${path}, ${theme}, ${width}`);
    }
    await browser.close();
  }
}
