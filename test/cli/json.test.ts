import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { saveModel } from '../../src/io/save.ts';
import { buildCli, type Cli } from '../support/cli.ts';
import { OM_FIXTURES } from '../support/om-samples.ts';
import { smallModel, writeExternalModel } from '../support/small-model.ts';
import { writeTinyModels } from '../support/tiny-pipeline.ts';
import { tinySd } from '../support/tiny-sd.ts';

let cli: Cli;
let cwd: string;

beforeAll(async () => {
  cli = buildCli();
  cwd = mkdtempSync(join(realpathSync(tmpdir()), 'sdgraph-json-'));
  await writeExternalModel(cwd);
  writeTinyModels(join(cwd, 'rendering'), 'sd15');
  await cli.run(['optimize', '--model', 'unet.onnx', '--new-model', 'other.onnx'], { cwd });
  const changed = smallModel();
  for (const node of changed.graph.nodesOf('Mul')) if (node.name === 'gate') node.opType = 'Add';
  await saveModel(changed, join(cwd, 'changed.onnx'));
});

afterAll(() => {
  cli.remove();
  rmSync(cwd, { recursive: true, force: true });
});

const model = ['--model', 'unet.onnx', '--new-model', 'out.onnx'];

const RUN = ['--model', tinySd('sd15'), '--model-dir', 'rendering'];

const CASES = [
  { command: 'optimize', args: [...model], code: 0 },
  { command: 'optimize', args: [...model, '--dry-run'], code: 0 },
  { command: 'optimize', args: [...model, '--external-data', 'inline'], code: 0 },
  { command: 'optimize', args: [...model, '--fa-soc', 'Duo'], code: 1 },
  { command: 'optimize', args: ['--nonsense'], code: 2 },
  { command: 'optimize', args: ['--model', 'missing.onnx'], code: 1 },
  { command: 'inspect', args: ['unet.onnx'], code: 0 },
  { command: 'inspect', args: ['unet.onnx', 'too many'], code: 2 },
  { command: 'inspect', args: [join(OM_FIXTURES, 'synthetic-unet-static.om')], code: 0 },
  { command: 'inspect', args: [join(OM_FIXTURES, 'malformed-truncated.om')], code: 1 },
  { command: 'inspect', args: [join(OM_FIXTURES, 'malformed-magic.om')], code: 1 },
  { command: 'diff', args: ['unet.onnx', 'unet.onnx'], code: 0 },
  { command: 'diff', args: ['unet.onnx', 'other.onnx'], code: 1 },
  { command: 'diff', args: ['unet.onnx', 'missing.onnx'], code: 1 },
  { command: 'new-tiny', args: ['--out', 'tiny'], code: 0 },
  { command: 'new-tiny', args: ['--out', 'tiny'], code: 1 },
  { command: 'new-tiny', args: [], code: 2 },
  { command: 'export', args: ['--model', 'tiny', '--output-dir', 'models'], code: 0 },
  { command: 'export', args: ['--model', 'missing'], code: 1 },
  { command: 'export', args: ['--model', 'tiny', '--only', 'net'], code: 2 },
  { command: 'passes', args: [], code: 0 },
  { command: 'validate', args: ['unet.onnx'], code: 0 },
  { command: 'validate', args: ['unet.onnx', '--target', 'ascend310p-aie-7.0'], code: 0 },
  { command: 'validate', args: ['missing.onnx'], code: 1 },
  { command: 'validate', args: ['unet.onnx', '--target', 'nothing'], code: 2 },
  { command: 'verify', args: ['--reference', 'unet.onnx', '--model', 'unet.onnx'], code: 0 },
  { command: 'verify', args: ['--reference', 'unet.onnx', '--model', 'changed.onnx', '--bisect'], code: 1 },
  { command: 'verify', args: ['--reference', 'unet.onnx'], code: 2 },
  { command: 'compare', args: ['--reference', 'unet.onnx', '--model', 'unet.onnx'], code: 0 },
  { command: 'compare', args: ['--reference', 'unet.onnx', '--model', 'changed.onnx'], code: 1 },
  { command: 'compare', args: ['--reference', 'unet.onnx', '--model', 'missing.onnx'], code: 1 },
  { command: 'compare', args: [], code: 2 },
  { command: 'run', args: [...RUN, '--prompt', 'a fox', '--steps', '2', '--contact-sheet', 'sheet.png'], code: 0 },
  { command: 'run', args: [...RUN, '--prompt', 'a fox', '--steps', '2', '--resume'], code: 0 },
  { command: 'run', args: [...RUN, '--prompt', 'a fox', '-bs', '2'], code: 1 },
  { command: 'run', args: [...RUN], code: 2 },
  { command: 'bench', args: ['unet.onnx', '--loop', '2'], code: 0 },
  { command: 'bench', args: ['missing.onnx'], code: 1 },
  { command: 'bench', args: ['unet.onnx', '--loop', '0'], code: 2 },
] as const;

describe('JSON documents follow their schemas', () => {
  test.each(CASES)('$command $args', async ({ command, args, code }) => {
    const result = await cli.run([command, ...args, '--json'], { cwd });
    expect(result.code).toBe(code);
    const document: unknown = JSON.parse(result.stdout);
    const validate = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(schemaOf(command));
    validate(document);
    expect(validate.errors).toBeNull();
    const isError = (document as { error?: unknown }).error !== undefined;
    expect(isError).toBe(result.stderr !== '');
  });

  test('and every command has one', async () => {
    for (const name of COMMANDS.keys()) expect(schemaOf(name)).toMatchObject({ $defs: { error: {} } });
  });
});

function schemaOf(command: string): Record<string, unknown> {
  const path = join(import.meta.dirname, '../../docs/json', `${command}.schema.json`);
  return JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
}
