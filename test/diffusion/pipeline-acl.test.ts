import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { exportCheckpoint } from '../../src/export/export.ts';
import { simulatedAscendCl } from '../support/ascendcl.ts';
import { SIMULATION } from '../support/atc-models.ts';
import { expectRejection } from '../support/errors.ts';
import { expectGoldens, generateGoldens } from '../support/golden-images.ts';
import { tempDir } from '../support/temp-dir.ts';
import { tinySd } from '../support/tiny-sd.ts';

const simulated = simulatedAscendCl();
const skipped = 'reason' in simulated ? simulated.reason : undefined;

afterEach(() => {
  vi.unstubAllEnvs();
});

/** Exports a miniature checkpoint and compiles its models with the simulated ATC. */
async function compiled(parallel: boolean): Promise<string> {
  const dir = tempDir();
  await exportCheckpoint({ model: tinySd('sd15'), outputDir: dir, weights: 'copy', parallel, timestep: 'int32' });
  for (const name of ['clip', 'unet', 'vae']) {
    const stem = join(dir, name, name);
    const args = ['--framework=5', `--model=${stem}.onnx`, `--output=${stem}`, '--soc_version=Ascend310P3'];
    execFileSync(join(SIMULATION, 'atc'), args, { stdio: 'pipe' });
  }
  return dir;
}

function useSimulation(devices: number): void {
  vi.stubEnv('SDGRAPH_ASCENDCL', 'library' in simulated ? simulated.library : '');
  vi.stubEnv('SDGRAPH_SIM_ACL_DEVICES', String(devices));
  vi.stubEnv('SDGRAPH_SIM_ACL_NODE', process.execPath);
}

describe.skipIf(skipped !== undefined)(`on simulated devices${skipped === undefined ? '' : ` (${skipped})`}`, () => {
  test.each([
    { why: 'one device', devices: [0] },
    { why: 'two devices', devices: [1, 0] },
  ])('compiled models make the images of torch: $why', async ({ devices }) => {
    useSimulation(2);
    const modelDir = await compiled(devices.length === 2);
    const run = await generateGoldens('sd15', 'DPM', { modelDir, devices });
    expectGoldens('sd15', 'DPM', run);
    expect(run.results).toHaveLength(2);
  });

  test('a device that is not there', async () => {
    useSimulation(2);
    const modelDir = await compiled(false);
    await expectRejection('E_ACL_DEVICE', () => generateGoldens('sd15', 'DDIM', { modelDir, devices: [7] }));
  });
});
