import type { LocalFunction } from '../../ir/function.ts';
import type { Graph } from '../../ir/graph.ts';
import type { Node } from '../../ir/node.ts';
import { defaultedAttributes, fieldCounts } from '../../ir/raw-fields.ts';
import { schemaFor } from '../operators.ts';
import { type CheckContext, functionKey, importedVersion, modelOpsets } from './context.ts';
import { functionLabel } from './places.ts';

/** Deepest nesting of calls that readers follow. */
const MAX_CALL_DEPTH = 100;

/** Local functions themselves: names, attributes, imports, and that none calls itself. Calls are checked at each node. */
export function checkFunctions(context: CheckContext): void {
  const { model } = context;
  const seen = new Set<string>();
  for (const each of model.functions) {
    const about = { path: `function ${functionLabel(each)}` };
    // `domain` has to be there since local functions exist in models; it may be empty.
    const hasDomain = each.domain !== '' || fieldCounts('FunctionProto', each.body.segments).has('domain');
    if (each.name === '' || !hasDomain) {
      context.report('function-name-missing', about, `a local function has no ${each.name === '' ? 'name' : 'domain'}`);
    }
    const key = functionKey(each.domain, each.name, each.overload);
    if (seen.has(key)) {
      context.report('duplicate-function', about, 'two local functions have the same domain, name and overload');
    }
    seen.add(key);
    if (each.domain === '' || each.domain === 'ai.onnx') {
      context.report('function-in-standard-domain', about, 'a local function is in the standard domain', {
        hint: 'give it a domain of its own: readers look for standard operators there',
      });
    }
    checkDeclaredAttributes(each, about, context);
    checkOpsets(each, context);
  }
  checkRecursion(context);
}

function checkDeclaredAttributes(each: LocalFunction, about: { path: string }, context: CheckContext): void {
  const names = new Set<string>();
  for (const attribute of [...each.attributeNames, ...defaultedAttributes(each.body.segments)]) {
    if (names.has(attribute)) {
      context.report('duplicate-function-attribute', { ...about, attribute }, 'a function declares an attribute twice');
    }
    names.add(attribute);
  }
}

/**
 * Operators of a body may come from another version of their domain than the model imports, as long as both versions
 * mean the same operator: readers put the body in place of the call.
 */
function checkOpsets({ body, opsets }: LocalFunction, context: CheckContext): void {
  const outer = modelOpsets(context.model);
  for (const node of body.nodes) {
    const inside = importedVersion(opsets, node.domain);
    const outside = importedVersion(outer, node.domain);
    if (inside === undefined || outside === undefined || inside === outside) continue;
    const here = schemaFor(node.opType, node.domain, inside)?.since;
    const there = schemaFor(node.opType, node.domain, outside)?.since;
    if (here === there) continue;
    context.report(
      'function-opset-conflict',
      { node },
      'the operator means something else in the version that the model imports',
      { expected: `version ${outside}, as the model`, found: `version ${inside}` },
    );
  }
}

function checkRecursion(context: CheckContext): void {
  const done = new Set<LocalFunction>();
  for (const root of context.functions()) {
    if (done.has(root)) continue;
    const path = new Set([root]);
    const stack = [{ each: root, callees: calleesOf(root.body, context) }];
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const next = top.callees.pop();
      if (next === undefined) {
        stack.pop();
        path.delete(top.each);
        done.add(top.each);
      } else if (path.has(next)) {
        const circle = [...path];
        const shown = circle.slice(circle.indexOf(next)).slice(0, 8).map(functionLabel);
        context.report('function-recursion', { graph: top.each.body }, 'a local function calls itself in the end', {
          found: [...shown, functionLabel(next)].join(' -> '),
        });
      } else if (!done.has(next)) {
        path.add(next);
        stack.push({ each: next, callees: calleesOf(next.body, context) });
        if (stack.length !== MAX_CALL_DEPTH + 1) continue;
        context.report('function-depth', { graph: root.body }, 'calls of local functions are nested too deep', {
          expected: `at most ${MAX_CALL_DEPTH}`,
        });
      }
    }
  }
}

/** Functions that a body and its subgraphs call, each once. */
function calleesOf(body: Graph, context: CheckContext): LocalFunction[] {
  const found = new Set<LocalFunction>();
  for (const graph of body.scopes()) {
    for (const node of graph.nodes) {
      const callee = context.called(node);
      if (callee !== undefined) found.add(callee);
    }
  }
  return [...found];
}

/** Attributes that a function has: those without default and those with one. */
export interface FunctionAttributes {
  readonly required: ReadonlySet<string>;
  readonly all: ReadonlySet<string>;
}

const ATTRIBUTES = new WeakMap<LocalFunction, FunctionAttributes>();

/** The attributes that a local function declares. */
export function attributesOf(each: LocalFunction): FunctionAttributes {
  const known = ATTRIBUTES.get(each);
  if (known !== undefined) return known;
  const defaulted = defaultedAttributes(each.body.segments);
  const attributes = {
    required: new Set(each.attributeNames.filter((name) => !defaulted.includes(name))),
    all: new Set([...each.attributeNames, ...defaulted]),
  };
  ATTRIBUTES.set(each, attributes);
  return attributes;
}

/** A node that calls a local function. */
export function checkCall(node: Node, callee: LocalFunction, context: CheckContext): void {
  const { inputs, outputs } = callee.body;
  if (node.inputs.length > inputs.length || node.outputs.length > outputs.length) {
    context.report('function-call-count', { node }, 'a call passes or takes more than the function has', {
      expected: `at most ${inputs.length} inputs and ${outputs.length} outputs`,
      found: `${node.inputs.length} and ${node.outputs.length}`,
    });
  }
  const { all, required } = attributesOf(callee);
  const given = new Set(node.attributes.map(({ name }) => name));
  for (const attribute of required) {
    if (given.has(attribute)) continue;
    context.report('function-call-attribute', { node, attribute }, 'a call leaves out an attribute without default');
  }
  for (const attribute of given) {
    if (all.has(attribute) || attribute === '') continue;
    context.report('function-call-attribute', { node, attribute }, 'the function has no such attribute');
  }
}
