/** The models that are measured. Weights are sparse where nothing reads them, random where they are copied. */
import { randomFillSync } from 'node:crypto';
import { closeSync, ftruncateSync, openSync, readFileSync, unlinkSync, writeFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { ExternalFiles } from '../src/io/external-files.ts';
import { saveModel } from '../src/io/save.ts';
import { Attribute } from '../src/ir/attribute.ts';
import { floatTensor, int64Tensor } from '../src/ir/constants.ts';
import { DataType } from '../src/ir/data-type.ts';
import { Model } from '../src/ir/model.ts';
import { Tensor } from '../src/ir/tensor.ts';
import type { Value } from '../src/ir/value.ts';
import type { Range } from './job.ts';

const BLOCK = 1 << 24;

/** The UNet of Stable Diffusion 1.5 in full width, see `fixtures/parity/README.md`. */
export interface FullUnet {
  readonly model: string;
  readonly weights: string;
  /** Where the initializers lie in the weights. */
  readonly initializers: Range;
  /** Where the folded zeros lie. */
  readonly zeros: Range;
}

/** Writes the full-size UNet with its weights: the first `random` bytes random, the rest a hole of zeros. */
export function writeFullUnet(folder: string, random: number): FullUnet {
  const from = fileURLToPath(new URL('fixtures/parity/sd15-full', import.meta.resolve('sdgraph/package.json')));
  const { weights_bin: size } = JSON.parse(readFileSync(join(from, 'meta.json'), 'utf8')) as {
    weights_bin: { bytes: number; folded_zeros_start: number };
  };
  const model = join(folder, 'unet.onnx');
  const weights = join(folder, 'weights.bin');
  writeFileSync(model, gunzipSync(readFileSync(join(from, 'unet.onnx.gz'))));
  writeRandom(weights, Math.min(random, size.folded_zeros_start), size.bytes);
  return {
    model,
    weights,
    initializers: { start: 0, end: size.folded_zeros_start },
    zeros: { start: size.folded_zeros_start, end: size.bytes },
  };
}

/** Writes a file that begins with random bytes and goes on as a hole up to `size`. */
function writeRandom(path: string, random: number, size: number): void {
  const block = new Uint8Array(Math.min(BLOCK, random));
  const fd = openSync(path, 'wx');
  for (let done = 0; done < random; ) {
    randomFillSync(block);
    done += writeSync(fd, block, 0, Math.min(block.length, random - done));
  }
  ftruncateSync(fd, size);
  closeSync(fd);
}

/** Default size of the hidden state. */
const WIDTH = 8;

/** Nodes of one block of {@link writeChain}. */
const BLOCK_NODES = 10;

/**
 * Writes a model of about `nodes` nodes, no real network but with work for clean-up
 * passes in every block: an Identity, a Dropout, a sum with zeros, and two Slices that one Split can do.
 *
 * @param matrix bytes of the random matrix that every block multiplies with; they lie inside the model file
 */
export async function writeChain(path: string, nodes: number, matrix = 4 * WIDTH ** 2): Promise<void> {
  const blocks = Math.ceil(nodes / BLOCK_NODES);
  const rows = Math.round(Math.sqrt(matrix / 4));
  const data = new ExternalFiles(dirname(path));
  const location = 'chain.bin';
  const length = 4 * rows ** 2;
  writeRandom(join(dirname(path), location), length * blocks, length * blocks);
  const model = new Model({ irVersion: 7 });
  model.setOpset('', 12);
  const { graph } = model;
  const constant = (name: string, numbers: readonly number[]): Value =>
    graph.addInitializer(int64Tensor(numbers, [numbers.length], name));
  const half = rows / 2;
  const bounds = [
    [constant('from_0', [0]), constant('to_half', [half])],
    [constant('from_half', [half]), constant('to_end', [rows])],
  ];
  const axis = constant('last_axis', [-1]);
  let state = graph.addInput('x', { kind: 'tensor', elemType: DataType.FLOAT, shape: [1, 4, rows] });
  for (let block = 0; block < blocks; block++) {
    const op = (opType: string, ...inputs: Value[]): Value =>
      graph.insert({ opType, inputs, name: `/block.${block}/${opType}` }).output();
    const storage = {
      kind: 'external',
      entries: new Map([
        ['location', location],
        ['offset', String(block * length)],
        ['length', String(length)],
      ]),
      data,
    } as const;
    const dims = [rows, rows];
    const weight = new Tensor({ name: `block.${block}.weight`, dataType: DataType.FLOAT, dims, storage });
    const zeros = floatTensor(
      Array.from({ length: rows }, () => 0),
      [rows],
      `block.${block}.bias`,
    );
    const sum = op('Add', op('MatMul', state, graph.addInitializer(weight)), graph.addInitializer(zeros));
    const passed = op('Dropout', op('Identity', sum));
    const [left, right] = bounds.map((range) => op('Slice', passed, ...range, axis)) as [Value, Value];
    const gated = op('Mul', left, op('Sigmoid', right));
    const joined = graph.insert({
      opType: 'Concat',
      inputs: [gated, right],
      name: `/block.${block}/Concat`,
      attributes: [Attribute.int('axis', -1)],
    });
    state = op('Relu', joined.output());
  }
  graph.addOutput(state, { kind: 'tensor', elemType: DataType.FLOAT, shape: [1, 4, rows] });
  await saveModel(model, path, { externalData: 'inline' });
  data.close();
  unlinkSync(join(dirname(path), location));
}
