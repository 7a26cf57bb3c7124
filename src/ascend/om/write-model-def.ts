import { bytesField, intField, textField, varint } from '../../wire/writer.ts';
import type { OmOutputSpec, OmSpec } from './write.ts';
import { checkPort, DEFAULT_FORMAT, GEAR_INPUT, type PortToWrite } from './write-ports.ts';

type Value = string | number | bigint | readonly string[] | readonly number[];

/** Loaders allocate outputs in units of this many bytes, plus one more. */
const ALIGNMENT = 32;
/** What the elements of a list are. */
const LIST_STRINGS = 1;
const LIST_INTS = 2;
const OUTPUT_NODE = 'Node_Output';

/** A partition MODEL_DEF. Throws what {@link checkPort} throws. */
export function encodeModelDef(spec: OmSpec, weightBytes: number): Uint8Array {
  const attributes = attributesOf(spec, weightBytes);
  return join(
    textField(1, spec.name),
    intField(2, 2),
    textField(3, spec.atcVersion),
    bytesField(7, graph(spec)),
    ...[...attributes].map(([name, value]) => attribute(11, name, value)),
  );
}

function attributesOf(spec: OmSpec, weightBytes: number): Map<string, Value> {
  const { outputs } = spec;
  return new Map<string, Value>([
    ...(spec.attributes ?? []),
    ['soc_version', spec.socVersion],
    ['framework_type', spec.frameworkType ?? 'Onnx'],
    ['atc_version', spec.atcVersion],
    ['opp_version', spec.oppVersion ?? spec.atcVersion],
    ['atc_cmdline', spec.atcCmdline],
    ['weight_size', weightBytes],
    ['om_info_list', [weightBytes, 0, 0, 0]],
    ['attr_model_out_nodes_name', outputs.map(({ node, index, name }) => `${node}:${index}:${name}`)],
  ]);
}

function graph(spec: OmSpec): Uint8Array {
  const { name, outputs, operators = [] } = spec;
  const inputs = [...spec.inputs, ...(spec.gears === undefined ? [] : [gearInput(spec.gears.values)])];
  return join(
    textField(1, `${name}_graph`),
    ...inputs.map((input) => textField(4, `${input.name}:0`)),
    ...inputs.map((input, i) => bytesField(6, data(input, i))),
    ...operators.map((each, i) => {
      const edges = (each.inputs ?? []).map((edge) => textField(5, edge));
      return bytesField(6, operator(each.name, each.type, inputs.length + i, ...edges));
    }),
    bytesField(6, netOutput(outputs, inputs.length + operators.length)),
  );
}

/** The input that picks a gear: as many numbers as a gear has. */
function gearInput(values: readonly (readonly number[])[]): PortToWrite {
  return { name: GEAR_INPUT, dtype: 'INT32', shape: [values[0]?.length ?? 0] };
}

function operator(name: string, type: string, id: number, ...fields: readonly Uint8Array[]): Uint8Array {
  return join(textField(1, name), textField(2, type), ...fields, intField(21, id));
}

function data(port: PortToWrite, index: number): Uint8Array {
  const { bytes } = checkPort(port);
  return operator(
    port.name,
    'Data',
    index,
    attribute(10, 'index', index),
    descriptor(33, port, bytes),
    descriptor(34, port, bytes + ALIGNMENT),
  );
}

function netOutput(outputs: readonly OmOutputSpec[], id: number): Uint8Array {
  return operator(
    OUTPUT_NODE,
    'NetOutput',
    id,
    ...outputs.map(({ node, index }) => textField(5, `${node}:${index}`)),
    ...outputs.map(({ node }) => textField(24, node)),
    bytesField(25, join(...outputs.map(({ index }) => varint(index)))),
    ...outputs.map((port) => {
      const { bytes } = checkPort(port);
      const padded = Math.ceil(bytes / ALIGNMENT) * ALIGNMENT + ALIGNMENT;
      return descriptor(33, port, padded, attribute(5, '_origin_output_tensor_name', port.name));
    }),
  );
}

function descriptor(id: number, port: PortToWrite, bytes: number, ...more: readonly Uint8Array[]): Uint8Array {
  const { type } = checkPort(port);
  const { shape, format = DEFAULT_FORMAT } = port;
  return bytesField(
    id,
    join(
      intField(2, type.proto),
      bytesField(3, bytesField(1, join(...shape.map((dim) => varint(dim))))),
      textField(4, format),
      attribute(5, 'origin_format', format),
      attribute(5, 'origin_shape', shape),
      ...more,
      intField(10, bytes),
      textField(14, 'NPU'),
    ),
  );
}

/** An entry of the map of attributes in field `id`. */
function attribute(id: number, name: string, value: Value): Uint8Array {
  return bytesField(id, join(textField(1, name), bytesField(2, encodeValue(value))));
}

function encodeValue(value: Value): Uint8Array {
  if (typeof value === 'string') return textField(2, value);
  if (typeof value === 'number' || typeof value === 'bigint') return intField(3, value);
  if (isTexts(value)) {
    return bytesField(1, join(...value.map((each) => textField(2, each)), intField(20, LIST_STRINGS)));
  }
  return bytesField(1, join(bytesField(3, join(...value.map((each) => varint(each)))), intField(20, LIST_INTS)));
}

function isTexts(value: readonly string[] | readonly number[]): value is readonly string[] {
  return typeof value[0] === 'string';
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
