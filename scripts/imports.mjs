/** Finds what a source file depends on, for `check-layers.mjs`. */
import { parseSync, Visitor } from 'oxc-parser';

/**
 * One dependency as the source states it.
 *
 * - `kind` is `type` for what is erased before anything runs, and `url` for `new URL('./worker.ts', import.meta.url)`,
 *   which loads a file without importing it. `import { type A }` is no `type`: the import itself stays.
 * - `specifier` is undefined where a dynamic import computes it, so that nobody can tell where it leads.
 *
 * @typedef {{ kind: 'import' | 'type' | 'url', specifier: string | undefined, line: number }} Dependency
 */

/** @import { Expression, NewExpression } from 'oxc-parser' */

/**
 * @param {string} file its extension decides how the text is read
 * @param {string} text
 * @returns {Dependency[]} every import, re-export, dynamic import, `import('…')` type and module URL, in order
 * @throws {SyntaxError} when the text cannot be parsed, because then nothing is known about it
 */
export function dependenciesOf(file, text) {
  const { program, errors } = parseSync(file, text);
  const [error] = errors;
  if (error !== undefined) throw new SyntaxError(`${file} cannot be parsed: ${error.message}`);

  /** @type {(Dependency & { start: number })[]} */
  const found = [];
  /**
   * @param {Dependency['kind']} kind
   * @param {{ start: number }} node
   * @param {string | undefined} specifier
   */
  const add = (kind, node, specifier) => {
    found.push({ kind, specifier, start: node.start, line: text.slice(0, node.start).split('\n').length });
  };
  new Visitor({
    ImportDeclaration: (node) => add(kindOf(node.importKind), node, node.source.value),
    ExportAllDeclaration: (node) => add(kindOf(node.exportKind), node, node.source.value),
    ExportNamedDeclaration: (node) => {
      if (node.source !== null) add(kindOf(node.exportKind), node, node.source.value);
    },
    ImportExpression: (node) => add('import', node, literal(node.source)),
    TSImportType: (node) => add('type', node, node.source.value),
    TSExternalModuleReference: (node) => add('import', node, node.expression.value),
    NewExpression: (node) => {
      const target = moduleUrl(node);
      if (target !== undefined) add('url', node, target);
    },
  }).visit(program);
  return found.toSorted((a, b) => a.start - b.start).map(({ kind, specifier, line }) => ({ kind, specifier, line }));
}

/**
 * @param {'type' | 'value' | undefined} declared
 * @returns {Dependency['kind']}
 */
function kindOf(declared) {
  return declared === 'type' ? 'type' : 'import';
}

/**
 * @param {NewExpression} node
 * @returns {string | undefined} the path in `new URL(path, import.meta.url)`
 */
function moduleUrl({ callee, arguments: [path, base] }) {
  if (callee.type !== 'Identifier' || callee.name !== 'URL' || path === undefined || base === undefined)
    return undefined;
  const isModuleUrl =
    base.type === 'MemberExpression' &&
    base.object.type === 'MetaProperty' &&
    base.property.type === 'Identifier' &&
    base.property.name === 'url';
  return isModuleUrl && path.type !== 'SpreadElement' ? literal(path) : undefined;
}

/**
 * @param {Expression} node
 * @returns {string | undefined} the text of a string that holds no expression
 */
function literal(node) {
  if (node.type === 'Literal' && typeof node.value === 'string') return node.value;
  if (node.type === 'TemplateLiteral' && node.expressions.length === 0)
    return node.quasis[0]?.value.cooked ?? undefined;
  return undefined;
}
