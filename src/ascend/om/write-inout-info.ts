import { encodeText } from '../../wire/text.ts';
import { formatNumber } from './tensor-types.ts';
import type { OmSpec } from './write.ts';
import { checkPort, DEFAULT_FORMAT, type PortToWrite } from './write-ports.ts';

const GEAR_RECORDS = { batch: 2, image: 3, dims: 4 } as const;
const GEAR_OUTPUTS = 5;

/** A partition MODEL_INOUT_INFO: inputs, outputs and gears. Throws what {@link checkPort} throws. */
export function encodeInoutInfo(spec: OmSpec): Uint8Array {
  const { inputs, outputs, gears, gearOutputs } = spec;
  const names = outputs.map(({ node, index, name }) => `${node}:${index}:${name}`);
  const records = [
    record(0, tensors(inputs)),
    record(1, tensors(outputs.map((port, i) => ({ ...port, name: names[i] as string })))),
  ];
  if (gears !== undefined) {
    const sizes = gears.kind === 'batch' ? [] : gears.values.map((gear) => u32(gear.length));
    const values = gears.values.flat().map((value) => i64(value));
    records.push(record(GEAR_RECORDS[gears.kind], Buffer.concat([u32(gears.values.length), ...sizes, ...values])));
  }
  if (gearOutputs !== undefined) {
    const lines = gearOutputs.flatMap((shapes, gear) =>
      shapes.map((shape, output) => encodeText([gear, output, ...shape].join(','))),
    );
    const lengths = lines.map((line) => u32(line.length));
    records.push(record(GEAR_OUTPUTS, Buffer.concat([u32(lines.length), ...lengths, ...lines])));
  }
  return new Uint8Array(Buffer.concat(records));
}

function tensors(ports: readonly PortToWrite[]): Uint8Array {
  const lines = ports.flatMap((port) => {
    const { type, bytes } = checkPort(port);
    const name = encodeText(port.name);
    const dims = Buffer.concat(port.shape.map((dim) => i64(dim)));
    const format = formatNumber(port.format ?? DEFAULT_FORMAT);
    const lengths = [name.length, dims.length, dims.length, 0].map((length) => u32(length));
    // The dimensions twice: as they are fed, and as they are without static image preparation.
    return [i64(bytes), u32(format >>> 0), u32(type.acl), ...lengths, name, dims, dims];
  });
  return Buffer.concat([u32(ports.length), ...lines]);
}

function record(kind: number, value: Uint8Array): Uint8Array {
  return Buffer.concat([u32(kind), u32(value.length), value]);
}

function u32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function i64(value: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(value));
  return bytes;
}
