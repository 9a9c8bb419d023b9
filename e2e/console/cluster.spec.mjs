// A cluster is made of two linked hosts through its page, with the plan first, and
// taken apart after its name was typed.
import { bringAxe, lookTwice } from "./axe.mjs";
import { api, expect, open, signIn } from "./browser.mjs";

export default async function ({ hosts: [first, second], password }) {
  const { browser, context, page, troubles } = await open();
  await bringAxe(context);
  await signIn(page, first, password);
  await page.goto(`${first.url}/cluster`);
  await page.getByText("this host is alone").waitFor();
  await lookTwice(page, "no cluster");
  const token = await api(first, password, "POST", "/link-tokens", {});
  await api(second, password, "POST", "/link/actions/join", { token: token.token });
  await page.getByRole("button", { name: "Create a cluster" }).click();
  const dialog = page.locator("dialog[open]");
  await dialog.getByLabel("Name", { exact: true }).fill("Not A Name");
  await dialog.getByRole("button", { name: "Show the plan" }).click();
  await page.locator("#name-told").filter({ hasText: /./ }).waitFor();
  await dialog.getByLabel("Name", { exact: true }).fill("north");
  await dialog.getByText(`muster cluster create north --control-plane ${first.name} --workers ${second.name}`).waitFor();
  await dialog.getByRole("button", { name: "Show the plan" }).click();
  await dialog.locator(".plan li").first().waitFor();
  await lookTwice(page, "the plan of a cluster");
  await dialog.getByRole("button", { name: "Create a cluster" }).click();
  await page.locator(`tr[data-row="${second.name}"]`).waitFor();
  await page.getByText("cluster-create").waitFor();
  await lookTwice(page, "a cluster");
  await page.locator("progress").waitFor();
  // Scaling tells its plan and what is wrong with it; so does an upgrade.
  await page.getByRole("button", { name: "Scale" }).click();
  await dialog.getByLabel(second.name).selectOption({ index: 0 });
  await dialog.getByText(/muster cluster scale north/).waitFor();
  await lookTwice(page, "scaling a cluster");
  await dialog.getByRole("button", { name: "Show the plan" }).click();
  await dialog.locator(".plan li, .trouble").first().waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Upgrade" }).click();
  await dialog.getByText("muster cluster upgrade north --back").waitFor();
  await lookTwice(page, "upgrading a cluster");
  await dialog.getByRole("button", { name: "Show the plan" }).click();
  await dialog.locator(".plan li, .trouble").first().waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Delete" }).click();
  await page.locator("dialog[open] .plan li").first().waitFor();
  await page.getByLabel("Type north to confirm").fill("north");
  await page.locator("dialog[open]").getByRole("button", { name: "Delete north" }).click();
  await page.getByText("There is no cluster.").waitFor();
  expect(troubles.length === 0, troubles.join("\n"));
  await browser.close();
}
