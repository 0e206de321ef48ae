// Debian's Chromium, for stories whose page is a page.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

import { atEnd } from "./story.mjs";

const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Debian's Chromium without a window, with a user of its own. */
export async function browser() {
  const profile = mkdtempSync(join(tmpdir(), "hopwire-chromium-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: "/usr/bin/chromium",
    headless: true,
    args: ARGUMENTS,
  });
  atEnd(async () => {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  });
  return context;
}

/** The file of an npm package that a page loads by a script element. */
export const script = (path) => fileURLToPath(new URL(`node_modules/${path}`, import.meta.url));
