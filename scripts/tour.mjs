/**
 * The whole way on a miniature checkpoint, from its weights to images: `npm run tour`. First on the CPU, then once more
 * as on a machine with an Atlas 300I Duo, with a simulation in the place of the toolkit and of the two chips (that part
 * needs a C compiler). Every step is a command that a user would type; the files stay in `.tour/`. At the end the
 * images of both ways are compared.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PNG } from 'pngjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, '.tour');
const prompts = relative(folder, join(root, 'docs/examples/prompts.txt'));
const simulation = join(root, 'fixtures/ascend-sim');
/** The simulated AscendCL, once it is built. */
const library = join(folder, 'ascend/lib64/libascendcl.so');
// No device takes shapes this small: the profile is a real one without its limits.
const target = relative(folder, join(root, 'fixtures/targets/tiny-310p.json'));

/** @type {{ command: string, seconds: number }[]} */
const timings = [];

/**
 * Runs a command in the folder of the tour and shows it as a user would type it.
 *
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} [env]
 */
function sdgraph(args, env = process.env) {
  const command = `sdgraph ${args.join(' ')}`;
  process.stdout.write(`\n$ ${command}\n`);
  const start = performance.now();
  const { status } = spawnSync(process.execPath, [join(root, 'bin/sdgraph.js'), ...args], {
    cwd: folder,
    stdio: 'inherit',
    env,
  });
  if (status !== 0) throw new Error(`${command} failed`);
  timings.push({ command, seconds: (performance.now() - start) / 1000 });
}

/**
 * The way from the checkpoint to the UNet that the device takes.
 *
 * @param {string} models folder of the models
 * @param {readonly string[]} flags further ones of the export
 */
function prepare(models, flags) {
  const unet = `${models}/unet/unet.onnx`;
  const rewritten = `${models}/unet/unet_md.onnx`;
  sdgraph(['export', '--model', 'checkpoint', '--output-dir', models, ...flags]);
  sdgraph(['optimize', '--model', unet, '--new-model', rewritten, '--target', target, '--tome', '5']);
  sdgraph(['verify', '--reference', unet, '--model', rewritten]);
}

/**
 * @param {string} models
 * @param {string} results
 * @param {readonly string[]} flags
 * @param {NodeJS.ProcessEnv} [env]
 */
function render(models, results, flags, env) {
  const where = ['--model-dir', models, '--save-dir', results, '--info-file-save-path', `${results}.json`];
  const how = ['--steps', '4', '--seed', '1', '--contact-sheet', `${results}.png`, ...flags];
  sdgraph(['run', '--model', 'checkpoint', '--prompt-file', prompts, ...where, ...how], env);
}

/** Builds the simulated device library; false where there is no compiler. */
function buildSimulation() {
  const script = join(simulation, 'build-acl.mjs');
  const { status, stderr } = spawnSync(process.execPath, [script, dirname(library)], { encoding: 'utf8' });
  if (status !== 0) process.stdout.write(`\nno simulated device: ${stderr.trim()}\n`);
  return status === 0;
}

/** Compares the images of both ways: sums in another order may round a pixel to the next level. */
function compareResults() {
  const names = readdirSync(join(folder, 'results')).filter((name) => name.endsWith('.png'));
  let [largest, differing, count] = [0, 0, 0];
  for (const name of names) {
    const [here, there] = ['results', 'results-npu'].map((each) =>
      PNG.sync.read(readFileSync(join(folder, each, name))),
    );
    for (const [i, level] of here?.data.entries() ?? []) {
      const difference = Math.abs(level - (there?.data[i] ?? 256));
      largest = Math.max(largest, difference);
      differing += Number(difference > 0);
      count++;
    }
  }
  const share = ((100 * differing) / count).toFixed(3);
  process.stdout.write(
    `\n${names.length} images on the CPU and on two simulated chips: ${share} % of the values differ, ` +
      `by ${largest} of 255 levels at most\n`,
  );
  if (names.length === 0 || largest > 1 || differing > count / 1000) process.exitCode = 1;
}

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder);
sdgraph(['new-tiny', '--out', 'checkpoint']);
prepare('models', []);
render('models', 'results', []);

const isSimulated = buildSimulation();
if (isSimulated) {
  const env = { ...process.env, SDGRAPH_ASCENDCL: library, SDGRAPH_SIM_ACL_DEVICES: '2' };
  const scripts = ['set_env.sh', 'aie/set_env.sh'].map((name) => relative(folder, join(simulation, name)));
  const [toolkit, operators] = scripts.map(String);
  prepare('models-npu', ['--parallel']);
  sdgraph(['soc'], env);
  const plan = ['--model-dir', 'models-npu', '--target', target, '--toolkit-env', `${toolkit}`];
  sdgraph(['plan', ...plan, '--operators-env', `${operators}`], env);
  sdgraph(['compile', ...plan, '--operators-env', `${operators}`], env);
  sdgraph(['validate', 'models-npu/clip/clip.om', 'models-npu/unet/unet.om', 'models-npu/vae/vae.om'], env);
  render('models-npu', 'results-npu', ['--device', '0,1'], env);
  compareResults();
}
process.stdout.write('\n');
for (const { command, seconds } of timings) process.stdout.write(`${seconds.toFixed(1).padStart(5)} s  ${command}\n`);
process.stdout.write(`files are in ${folder}${isSimulated ? '; nothing of the second half ran on a device' : ''}\n`);
