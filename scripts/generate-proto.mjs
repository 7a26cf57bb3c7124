/**
 * Turns `proto/onnx.proto` into what `src/wire` works with: `npm run proto`, or `node scripts/generate-proto.mjs FOLDER`
 * to write somewhere else.
 *
 * - `onnx.js` and `onnx.d.ts`: static encoders and decoders, without reflection, so that they run where code
 *   generation from strings is disallowed.
 * - `schema.ts`: the same facts as a table, for the scanner that finds fields without decoding them.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';
import pbjs from 'protobufjs-cli/pbjs.js';

/** @import { Enum, Field, NamespaceBase, ReflectionObject, Type } from 'protobufjs' */

const proto = fileURLToPath(new URL('../proto/onnx.proto', import.meta.url));
const folder = resolve(process.argv[2] ?? fileURLToPath(new URL('../src/wire/generated', import.meta.url)));

const BANNER = '// Generated from proto/onnx.proto by `npm run proto`; edits are lost.\n';

/**
 * 64-bit integers stay exact as Long; what nobody calls is left out. The root has a name of its own because the unnamed
 * one is shared by all users of protobufjs in a process.
 */
const STATIC = [
  '--target static-module --wrap esm --root sdgraph --lint= --keep-case --force-long',
  '--no-create --no-verify --no-convert --no-delimited --no-typeurl --no-service',
].flatMap((options) => options.split(' '));

/** How a value of a scalar type lies on the wire, when it is not packed. */
const SCALAR_KINDS = {
  int32: 'varint',
  int64: 'varint',
  uint64: 'varint',
  float: 'fixed32',
  double: 'fixed64',
  string: 'string',
  bytes: 'bytes',
};

const temporary = mkdtempSync(join(tmpdir(), 'sdgraph-proto-'));
try {
  const code = await runPbjs(['--no-comments', '--out', join(temporary, 'code.js')]);
  // The declarations are made from the comments of the code, so they need a run of their own.
  await runPbjs(['--dts', '--out', join(temporary, 'types.js')]);
  const types = readFileSync(join(temporary, 'types.d.ts'), 'utf8');
  mkdirSync(folder, { recursive: true });
  // The declarations beside the code are what the compiler goes by.
  writeFileSync(join(folder, 'onnx.js'), `${BANNER}// @ts-nocheck\n${tidy(code)}`);
  writeFileSync(
    join(folder, 'onnx.d.ts'),
    BANNER + tidy(replaceOnce(types, 'import Long = require("long");', 'import Long from "long";')),
  );
  writeFileSync(join(folder, 'schema.ts'), BANNER + table());
} finally {
  rmSync(temporary, { recursive: true, force: true });
}

/**
 * @param {string[]} options
 * @returns {Promise<string>} the generated code
 */
function runPbjs(options) {
  return new Promise((done, fail) => {
    pbjs.main([...STATIC, ...options, proto], (error, output) => {
      if (error) fail(error);
      else done(output ?? '');
    });
  });
}

/** @param {string} text */
function tidy(text) {
  return `${text.replace(/[ \t]+$/gmu, '').trim()}\n`;
}

/**
 * @param {string} text
 * @param {string} from
 * @param {string} to
 */
function replaceOnce(text, from, to) {
  if (text.split(from).length !== 2) throw new Error(`the declarations were expected to hold '${from}' once`);
  return text.replace(from, to);
}

/** The schema as a TypeScript module. */
function table() {
  const { root } = protobuf.parse(readFileSync(proto, 'utf8'), { keepCase: true });
  root.resolveAll();
  const onnx = /** @type {NamespaceBase} */ (root.lookup('onnx'));
  const { messages, enums } = collect(onnx);
  const names = enums.map(({ name }) => name);
  if (new Set(names).size !== names.length) throw new Error('two enums share a name');
  return `import type { FieldInfo } from '../schema-types.ts';

/** Every field of every message, in the order of the numbers. A message inside another has a dotted name. */
export const FIELDS = {
${messages.map(messageRows).join('')}} as const satisfies Readonly<Record<string, Readonly<Record<string, FieldInfo>>>>;

/** A message: a key of {@link FIELDS}. */
export type MessageName = keyof typeof FIELDS;
${enums.map(enumRows).join('')}`;
}

/**
 * @param {NamespaceBase} scope
 * @returns {{ messages: Type[], enums: Enum[] }} what is declared in the scope, at any depth, in order of declaration
 */
function collect(scope) {
  /** @type {Type[]} */
  const messages = [];
  /** @type {Enum[]} */
  const enums = [];
  for (const item of scope.nestedArray) {
    if (item instanceof protobuf.Enum) enums.push(item);
    if (!(item instanceof protobuf.Type)) continue;
    messages.push(item);
    const inner = collect(item);
    messages.push(...inner.messages);
    enums.push(...inner.enums);
  }
  return { messages, enums };
}

/** @param {Type} message */
function messageRows(message) {
  const fields = message.fieldsArray.toSorted((a, b) => a.id - b.id);
  const name = nameOf(message);
  const key = name.includes('.') ? `'${name}'` : name;
  return `  ${key}: {\n${fields.map((field) => `    ${field.name}: { ${facts(field)} },\n`).join('')}  },\n`;
}

/** @param {Field} field */
function facts(field) {
  const { resolvedType } = field;
  const type = resolvedType === null ? field.type : nameOf(resolvedType);
  const oneof = field.partOf === null ? '' : `, oneof: '${field.partOf.name}'`;
  const { id, repeated, packed } = field;
  return `id: ${id}, kind: '${kindOf(field)}', type: '${type}', repeated: ${repeated}, packed: ${packed}${oneof}`;
}

/** @param {Field} field */
function kindOf({ resolvedType, type }) {
  if (resolvedType instanceof protobuf.Enum) return 'enum';
  if (resolvedType !== null) return 'message';
  const kind = SCALAR_KINDS[/** @type {keyof typeof SCALAR_KINDS} */ (type)];
  if (kind === undefined) throw new Error(`there is no kind for the scalar type ${type}`);
  return kind;
}

/** @param {Enum} item */
function enumRows({ name, values }) {
  const rows = Object.entries(values).map(([key, value]) => `  ${key}: ${value},\n`);
  return `\nexport const ${name} = {\n${rows.join('')}} as const;\nexport type ${name} = (typeof ${name})[keyof typeof ${name}];\n`;
}

/**
 * @param {ReflectionObject} item
 * @returns {string} the name without the package; enums have unique names and go without the message around them
 */
function nameOf(item) {
  return item instanceof protobuf.Enum ? item.name : item.fullName.replace(/^\.onnx\./u, '');
}
