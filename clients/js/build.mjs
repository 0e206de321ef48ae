//! Builds dist/: index.js (ES module, stompjs imported), hopwire.global.js (one classic script
//! with everything, `window.hopwire`) and types/.

import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

const root = dirname(fileURLToPath(import.meta.url));

const common = {
  absWorkingDir: root,
  entryPoints: ['src/index.ts'],
  bundle: true,
  target: 'es2022',
  sourcemap: true,
  legalComments: 'none',
  logLevel: 'warning',
};
await Promise.all([
  build({ ...common, format: 'esm', packages: 'external', outfile: 'dist/index.js' }),
  build({
    ...common,
    format: 'iife',
    globalName: 'hopwire',
    minify: true,
    outfile: 'dist/hopwire.global.js',
  }),
]);

const manifest = createRequire(import.meta.url).resolve('typescript/package.json');
const tsc = join(dirname(manifest), 'bin', 'tsc');
execFileSync(process.execPath, [tsc, '-p', 'tsconfig.json'], { cwd: root, stdio: 'inherit' });
