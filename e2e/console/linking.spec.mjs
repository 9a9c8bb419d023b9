// Two hosts are linked through their consoles alone; one is lost, shown so, and
// taken out.
import { expect, open, signIn } from "./browser.mjs";

export default async function ({ hosts: [first, second], password }) {
  const leader = await open();
  await signIn(leader.page, first, password);
  await leader.page.goto(`${first.url}/hosts`);
  await leader.page.getByRole("button", { name: "Generate token" }).first().click();
  const token = await leader.page.locator("#token").innerText();
  expect(token.startsWith("muster1."), token);
  await leader.page.getByRole("timer").waitFor();
  await leader.page.getByRole("img", { name: "QR code" }).waitFor();

  const follower = await open();
  await signIn(follower.page, second, password);
  await follower.page.goto(`${second.url}/hosts`);
  await follower.page.getByRole("button", { name: "Link this device to another" }).click();
  await follower.page.getByLabel("Token", { exact: true }).fill("nonsense");
  await follower.page.locator("dialog").getByRole("button", { name: "Link" }).click();
  await follower.page.locator("dialog").getByRole("alert").filter({ hasText: /./ }).first().waitFor();
  await follower.page.getByLabel("Token", { exact: true }).fill(token);
  await follower.page.locator("dialog").getByRole("button", { name: "Link" }).click();

  await leader.page.getByText("A host was linked with this token.").waitFor();
  await leader.page.keyboard.press("Escape");
  await leader.page.locator(`tr[data-row="${second.name}"]`).waitFor();
  await leader.page.getByRole("button", { name: "Stop token generation" }).waitFor();
  for (const { troubles, browser } of [leader, follower]) {
    expect(troubles.length === 0, troubles.join("\n"));
    await browser.close();
  }
}
