/**
 * Runs the main job on a real UNet graph: `npm run demo`. Lays the recorded Stable Diffusion 1.5 export out in `.demo/`
 * (its weights are a sparse file of zeros: 3.7 GB long, no room on disk), rewrites it as upstream does for Atlas 300I Duo,
 * and compares the number of nodes with what upstream's script makes of the same graph. Then rewrites a small UNet with
 * weights, and proves by running both on the CPU that the two compute the same.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

const root = fileURLToPath(new URL('..', import.meta.url));
const fixture = join(root, 'fixtures/parity/sd15');
const folder = join(root, '.demo');
const tiny = join(root, 'fixtures/torch-export/sd15/unet.onnx.gz');

/** Puts the model and its weights into the folder. */
function layOut() {
  /** @type {{ sha256: string, weights_bin: { bytes: number } }} */
  const { sha256, weights_bin: weights } = parse(readFileSync(join(fixture, 'meta.json'), 'utf8'));
  const bytes = gunzipSync(readFileSync(join(fixture, 'unet.onnx.gz')));
  if (createHash('sha256').update(bytes).digest('hex') !== sha256) throw new Error(`${fixture}: the graph is damaged`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  writeFileSync(join(folder, 'unet.onnx'), bytes);
  const file = openSync(join(folder, 'weights.bin'), 'w');
  ftruncateSync(file, weights.bytes);
  closeSync(file);
}

/**
 * @template T
 * @param {string} text
 * @returns {T}
 */
function parse(text) {
  return /** @type {T} */ (JSON.parse(text));
}

/** @param {readonly string[]} args */
function run(...args) {
  process.stdout.write(`\n$ sdgraph ${args.join(' ')}\n`);
  const { status } = spawnSync(process.execPath, [join(root, 'bin/sdgraph.js'), ...args], {
    cwd: folder,
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error(`sdgraph ${args[0]} failed`);
}

layOut();
run(
  ...['optimize', '--model', 'unet.onnx', '--new-model', 'unet_md.onnx'],
  ...['--fa-soc', 'Duo', '--tome', '5', '--faster-gelu', '--report', 'report.json'],
);
run('inspect', 'unet_md.onnx');

/** @type {{ nodes: { after: number } }} */
const { nodes } = parse(readFileSync(join(folder, 'report.json'), 'utf8'));
/** @type {{ nodes: readonly unknown[] }} */
const golden = parse(gunzipSync(readFileSync(join(fixture, 'golden/Duo-T5-g.json.gz'))).toString());
const inspected = spawnSync(process.execPath, [join(root, 'bin/sdgraph.js'), 'inspect', 'unet_md.onnx', '--json'], {
  cwd: folder,
  encoding: 'utf8',
  maxBuffer: 1 << 26,
});
/** @type {{ operators: { operator: string, nodes: number }[] }} */
const { operators } = parse(inspected.stdout);
// Upstream turns Constant nodes into initializers, sdgraph leaves them as they are.
const constants = operators.find(({ operator }) => operator === 'Constant')?.nodes ?? 0;
const [ours, theirs] = [nodes.after - constants, golden.nodes.length];
process.stdout.write(
  `\nnodes without constants: ${ours}; in what upstream's script makes of the same graph: ${theirs}\n` +
    `files are in ${folder}\n`,
);
if (ours !== theirs) process.exitCode = 1;

writeFileSync(join(folder, 'tiny.onnx'), gunzipSync(readFileSync(tiny)));
// No device takes shapes this small: the profile is a real one without its limits.
const target = join('..', 'fixtures/targets/tiny-310p.json');
run(
  ...['optimize', '--model', 'tiny.onnx', '--new-model', 'tiny_md.onnx', '--target', target],
  ...['--tome', '5', '--faster-gelu', '--quiet'],
);
run('verify', '--reference', 'tiny.onnx', '--model', 'tiny_md.onnx');
