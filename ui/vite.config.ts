//! How the pages are built: into `dist`, which the binary embeds.

import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** What the binary may send with every page. Nothing inline, nothing from elsewhere. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "font-src 'self'",
  "img-src 'self'",
  // A broker anywhere: the URL is the user's to choose.
  "connect-src 'self' ws: wss:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** The management API while developing, such as `http://127.0.0.1:15672`. */
const api = process.env.HOPWIRE_API_URL;
const proxy = api ? { '/api': { target: api, changeOrigin: true } } : {};

export default defineConfig({
  resolve: {
    alias: {
      '@hopwire/client': here('../clients/js/src/index.ts'),
      // The client's only dependency, so that `npm ci` here is enough.
      '@stomp/stompjs': here('./node_modules/@stomp/stompjs/esm6/index.js'),
    },
  },
  base: './',
  build: {
    target: 'es2022',
    // No data: URLs, no inline polyfill: the policy above would refuse them.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { proxy },
  preview: { proxy, headers: { 'Content-Security-Policy': CONTENT_SECURITY_POLICY } },
  test: { include: ['src/**/*.test.ts'] },
} as Parameters<typeof defineConfig>[0]);
