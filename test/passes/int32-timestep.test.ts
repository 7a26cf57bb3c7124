import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { int32Timestep } from '../../passes/int32-timestep.ts';
import { Attribute } from '../../src/ir/attribute.ts';
import { int64Tensor } from '../../src/ir/constants.ts';
import { DataType, typeName } from '../../src/ir/data-type.ts';
import type { Model } from '../../src/ir/model.ts';
import type { Dim } from '../../src/ir/type.ts';
import type { Value } from '../../src/ir/value.ts';
import { pipeline } from '../../src/rewrite/pipeline.ts';
import type { Report } from '../../src/rewrite/report.ts';
import { buildModel, type GraphBuilder } from '../support/model-builder.ts';
import { runModel } from '../support/run-model.ts';

const { FLOAT, INT32, INT64 } = DataType;

interface Options {
  readonly name?: string;
  readonly shape?: readonly Dim[];
  readonly type?: number;
  /** What reads the timestep, besides the time projection. */
  readonly more?: (g: GraphBuilder, timestep: Value) => void;
}

/** A UNet's inputs in their order, and the start of its time projection: Expand, Unsqueeze, Cast, Mul. */
function timeModel({ name = 't', shape = [1], type = INT64, more }: Options = {}): Model {
  return buildModel(11, (g) => {
    const latents = g.input('latents', [2, 4, 8, 8]);
    const timestep = g.input(name, shape, type);
    g.input('encoder_hidden_states', [2, 77, 32]);
    const expanded = g.op('Expand', [timestep, g.ints([2])], { name: '/Expand' });
    const column = g.op('Unsqueeze', [expanded], { name: '/Unsqueeze', attributes: [Attribute.ints('axes', [1])] });
    const float = g.op('Cast', [column], { name: '/Cast', attributes: [Attribute.int('to', FLOAT)] });
    const projected = g.op('Mul', [float, g.floats([1, 0.5, 0.25], [1, 3])], { name: '/Mul' });
    g.output(projected, [2, 3]);
    g.output(g.op('Neg', [latents]), [2, 4, 8, 8]);
    more?.(g, timestep);
  });
}

const run = (model: Model, input?: string): Promise<Report> => pipeline([int32Timestep({ input })]).run(model);
const sites = (report: Report): string[] =>
  (report.passes[0]?.sites ?? []).map(({ status, node, reason }) => `${status} ${node}: ${reason}`);
const inputs = (model: Model): string[] =>
  model.graph.inputs.map(
    ({ name, type, shape }) => `${name} ${typeName(type?.kind === 'tensor' ? type.elemType : 0)}[${shape?.join()}]`,
  );

describe('the timestep input', () => {
  test('becomes int32, with its name, place and shape (H31)', async () => {
    const model = timeModel();
    const report = await run(model);
    expect(inputs(model)).toEqual(['latents float32[2,4,8,8]', 't int32[1]', 'encoder_hidden_states float32[2,77,32]']);
    expect(sites(report)).toEqual(["applied /Expand: its input 't' is int32 now"]);
    expect(report.passes[0]?.nodes).toEqual({ before: 5, after: 5 });
    expect(report.passes[0]?.notes.join()).toContain('fractional timesteps (Euler)');
  });

  test.each([{ shape: [] }, { shape: ['steps'] }, { shape: [2] }])(
    'keeps the shape $shape (H31)',
    async ({ shape }) => {
      const model = timeModel({ shape });
      await run(model);
      expect(model.graph.inputs[1]?.type).toEqual({ kind: 'tensor', elemType: INT32, shape });
    },
  );

  test.each([
    { why: 'called timestep', built: { name: 'timestep' }, input: undefined },
    { why: 'of any name, by what reads it', built: { name: 'x.1' }, input: undefined },
    { why: 'that the user names', built: { name: 'x.1' }, input: 'x.1' },
  ])('is the one $why', async ({ built, input }) => {
    const model = timeModel(built);
    await run(model, input);
    expect(model.graph.inputs[1]?.type).toEqual({ kind: 'tensor', elemType: INT32, shape: [1] });
  });

  test('is not a list of token ids or a number that is never made a float', async () => {
    const model = timeModel({
      name: 'when',
      more: (g) => {
        const ids = g.input('input_ids', [2, 77], INT64);
        const rank1 = g.input('position', [1], INT64);
        const table = g.floats([1, 2, 3], [3]);
        for (const index of [ids, rank1]) g.output(g.op('Gather', [table, index]));
      },
    });
    await run(model);
    expect(inputs(model).slice(1)).toEqual([
      'when int32[1]',
      'encoder_hidden_states float32[2,77,32]',
      'input_ids int64[2,77]',
      'position int64[1]',
    ]);
  });

  test('is refused when two inputs could be it', async () => {
    const model = timeModel({
      name: 'a',
      more: (g) => g.output(g.op('Cast', [g.input('b', [1], INT64)], { attributes: [Attribute.int('to', FLOAT)] })),
    });
    await expect(run(model)).rejects.toMatchObject({
      code: 'E_REWRITE_MISSING',
      found: expect.stringContaining("any of 'a', 'b' could be the timestep; name it") as string,
    });
    await run(model, 'b');
    expect(inputs(model)).toContain('a int64[1]');
    expect(inputs(model)).toContain('b int32[1]');
  });

  test('must exist when it is named', async () => {
    await expect(run(timeModel(), 'step')).rejects.toMatchObject({
      code: 'E_PASS_OPTION',
      expected: 'one of latents, t, encoder_hidden_states',
      found: 'step',
    });
  });

  test('that is int32 already stays as it is (H41)', async () => {
    const model = timeModel();
    await run(model);
    const { revision } = model;
    expect(sites(await run(model))).toEqual(["present /Expand: its input 't' is int32"]);
    expect(model.revision).toBe(revision);
    const structural = timeModel({ name: 'x', type: INT32 });
    expect((await run(structural)).changed).toBe(false);
  });

  test('of type float is left alone: it takes fractional timesteps (H32)', async () => {
    const model = timeModel({ type: FLOAT });
    const report = await run(model);
    expect(sites(report)).toEqual(["present /Expand: its input 't' is float32 and keeps fractional timesteps"]);
    expect(report.changed).toBe(false);
  });

  const refused: { why: string; built: Options; change?: (model: Model) => void; says: string }[] = [
    { why: 'another integer type', built: { type: DataType.INT8 }, says: "'t' is int8, not int64" },
    { why: 'rank 2', built: { shape: [1, 1] }, says: "'t' has rank 2, and a timestep 0 or 1" },
    {
      why: 'a graph output of the same name',
      built: { more: (g, timestep) => g.output(timestep, [1], INT64) },
      says: "'t' is a graph output as well",
    },
    {
      why: 'a default value',
      built: { more: (g, timestep) => g.graph.setInitializer(timestep, int64Tensor([5], [1], 't')) },
      says: "'t' has a default of type int64",
    },
  ];
  test.each(refused)('is refused with $why', async ({ built, says }) => {
    const model = timeModel(built);
    const before = inputs(model);
    const report = await pipeline([int32Timestep()]).run(model, { allowMissing: true });
    expect(sites(report)).toEqual([`refused /Expand: ${says}`]);
    expect(inputs(model)).toEqual(before);
  });

  test('that nothing reads is left alone', async () => {
    const model = buildModel(11, (g) => {
      g.input('t', [1], INT64);
      g.output(g.op('Neg', [g.input('x', [1])]));
    });
    const report = await pipeline([int32Timestep()]).run(model, { allowMissing: true });
    expect(report.passes[0]?.notes).toEqual(["the input 't' is not read by anything, and stays as it is"]);
    expect(report.changed).toBe(false);
  });
});

describe('what reads the timestep', () => {
  test('gets int32 as far as it takes any type, and its value info says so', async () => {
    const model = timeModel();
    const [expanded, column] = [model.graph.value('/Expand_output_0'), model.graph.value('/Unsqueeze_output_0')];
    expanded?.setType({ kind: 'tensor', elemType: INT64, shape: [2] });
    await run(model);
    expect(expanded?.type).toEqual({ kind: 'tensor', elemType: INT32, shape: [2] });
    expect(column?.type).toBeUndefined();
  });

  test('gets one Cast to int64 for all that need it (H31)', async () => {
    const model = timeModel({
      more: (g, timestep) => {
        g.output(g.op('Add', [timestep, g.ints([1])], { name: '/Add' }), [1], INT64);
        g.output(g.op('Equal', [g.ints([5]), timestep], { name: '/Equal' }), [1], DataType.BOOL);
      },
    });
    const report = await run(model);
    expect(report.passes[0]?.nodes).toEqual({ before: 7, after: 8 });
    const cast = [...model.graph.nodesOf('Cast')].find(({ name }) => name === 't/Cast_int64');
    expect(
      cast
        ?.output()
        .consumers()
        .map(({ name }) => name),
    ).toEqual(['/Add', '/Equal']);
    expect([...model.graph.nodes][0]).toBe(cast);
    const feeds = {
      t: new ort.Tensor('int32', [5], [1]),
      latents: zeros([2, 4, 8, 8]),
      encoder_hidden_states: zeros([2, 77, 32]),
    };
    const results = await runModel(model, feeds);
    expect(results.get('/Add_output_0')?.data).toEqual([6]);
    expect(results.get('/Equal_output_0')?.data).toEqual([1]);
    expect(results.get('/Mul_output_0')?.data).toEqual([5, 2.5, 1.25, 5, 2.5, 1.25]);
  });

  test('gets a Cast in front of a graph output, whose type is public', async () => {
    const model = timeModel({
      more: (g, timestep) => g.output(g.op('Identity', [timestep], { name: '/Identity' }), [1], INT64),
    });
    await run(model);
    const identity = [...model.graph.nodesOf('Identity')][0];
    expect(identity?.inputs[0]?.producer?.opType).toBe('Cast');
    expect(identity?.output().type).toEqual({ kind: 'tensor', elemType: INT64, shape: [1] });
  });

  test('gets a Cast of its own in a subgraph', async () => {
    const model = timeModel({
      more: (g, timestep) => {
        const one = g.ints([1]);
        g.output(
          g.branch(
            g.input('which', [], DataType.BOOL),
            (then) => then.op('Add', [timestep, one]),
            (other) => other.op('Sub', [timestep, one]),
          ),
        );
      },
    });
    await run(model);
    const scopes = [...model.scopes()].filter(({ kind }) => kind === 'subgraph');
    expect(scopes.map((scope) => [...scope.nodes].map(({ opType }) => opType))).toEqual([
      ['Cast', 'Add'],
      ['Cast', 'Sub'],
    ]);
  });

  test('may ask for its shape or use it as an index without a Cast', async () => {
    const model = timeModel({
      more: (g, timestep) => {
        g.output(g.op('Shape', [timestep]), [1], INT64);
        g.output(g.op('Gather', [g.floats([1, 2, 3], [3]), timestep]));
      },
    });
    const report = await run(model);
    expect(report.passes[0]?.nodes).toEqual({ before: 7, after: 7 });
  });
});

function zeros(dims: readonly number[]): ort.Tensor {
  return new ort.Tensor('float32', new Float32Array(dims.reduce((a, b) => a * b, 1)), dims);
}
