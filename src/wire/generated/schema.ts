// Generated from proto/onnx.proto by `npm run proto`; edits are lost.
import type { FieldInfo } from '../schema-types.ts';

/** Every field of every message, in the order of the numbers. A message inside another has a dotted name. */
export const FIELDS = {
  AttributeProto: {
    name: { id: 1, kind: 'string', type: 'string', repeated: false, packed: false },
    f: { id: 2, kind: 'fixed32', type: 'float', repeated: false, packed: false },
    i: { id: 3, kind: 'varint', type: 'int64', repeated: false, packed: false },
    s: { id: 4, kind: 'bytes', type: 'bytes', repeated: false, packed: false },
    t: { id: 5, kind: 'message', type: 'TensorProto', repeated: false, packed: false },
    g: { id: 6, kind: 'message', type: 'GraphProto', repeated: false, packed: false },
    floats: { id: 7, kind: 'fixed32', type: 'float', repeated: true, packed: false },
    ints: { id: 8, kind: 'varint', type: 'int64', repeated: true, packed: false },
    strings: { id: 9, kind: 'bytes', type: 'bytes', repeated: true, packed: false },
    tensors: { id: 10, kind: 'message', type: 'TensorProto', repeated: true, packed: false },
    graphs: { id: 11, kind: 'message', type: 'GraphProto', repeated: true, packed: false },
    doc_string: { id: 13, kind: 'string', type: 'string', repeated: false, packed: false },
    tp: { id: 14, kind: 'message', type: 'TypeProto', repeated: false, packed: false },
    type_protos: { id: 15, kind: 'message', type: 'TypeProto', repeated: true, packed: false },
    type: { id: 20, kind: 'enum', type: 'AttributeType', repeated: false, packed: false },
    ref_attr_name: { id: 21, kind: 'string', type: 'string', repeated: false, packed: false },
    sparse_tensor: { id: 22, kind: 'message', type: 'SparseTensorProto', repeated: false, packed: false },
    sparse_tensors: { id: 23, kind: 'message', type: 'SparseTensorProto', repeated: true, packed: false },
  },
  ValueInfoProto: {
    name: { id: 1, kind: 'string', type: 'string', repeated: false, packed: false },
    type: { id: 2, kind: 'message', type: 'TypeProto', repeated: false, packed: false },
    doc_string: { id: 3, kind: 'string', type: 'string', repeated: false, packed: false },
    metadata_props: { id: 4, kind: 'message', type: 'StringStringEntryProto', repeated: true, packed: false },
  },
  NodeProto: {
    input: { id: 1, kind: 'string', type: 'string', repeated: true, packed: false },
    output: { id: 2, kind: 'string', type: 'string', repeated: true, packed: false },
    name: { id: 3, kind: 'string', type: 'string', repeated: false, packed: false },
    op_type: { id: 4, kind: 'string', type: 'string', repeated: false, packed: false },
    attribute: { id: 5, kind: 'message', type: 'AttributeProto', repeated: true, packed: false },
    doc_string: { id: 6, kind: 'string', type: 'string', repeated: false, packed: false },
    domain: { id: 7, kind: 'string', type: 'string', repeated: false, packed: false },
    overload: { id: 8, kind: 'string', type: 'string', repeated: false, packed: false },
    metadata_props: { id: 9, kind: 'message', type: 'StringStringEntryProto', repeated: true, packed: false },
    device_configurations: { id: 10, kind: 'message', type: 'NodeDeviceConfigurationProto', repeated: true, packed: false },
  },
  IntIntListEntryProto: {
    key: { id: 1, kind: 'varint', type: 'int64', repeated: false, packed: false },
    value: { id: 2, kind: 'varint', type: 'int64', repeated: true, packed: false },
  },
  NodeDeviceConfigurationProto: {
    configuration_id: { id: 1, kind: 'string', type: 'string', repeated: false, packed: false },
    sharding_spec: { id: 2, kind: 'message', type: 'ShardingSpecProto', repeated: true, packed: false },
    pipeline_stage: { id: 3, kind: 'varint', type: 'int32', repeated: false, packed: false },
  },
  ShardingSpecProto: {
    tensor_name: { id: 1, kind: 'string', type: 'string', repeated: false, packed: false },
    device: { id: 2, kind: 'varint', type: 'int64', repeated: true, packed: false },
    index_to_device_group_map: { id: 3, kind: 'message', type: 'IntIntListEntryProto', repeated: true, packed: false },
    sharded_dim: { id: 4, kind: 'message', type: 'ShardedDimProto', repeated: true, packed: false },
  },
  ShardedDimProto: {
    axis: { id: 1, kind: 'varint', type: 'int64', repeated: false, packed: false },
    simple_sharding: { id: 2, kind: 'message', type: 'SimpleShardedDimProto', repeated: true, packed: false },
  },
  SimpleShardedDimProto: {
    dim_value: { id: 1, kind: 'varint', type: 'int64', repeated: false, packed: false, oneof: 'dim' },
    dim_param: { id: 2, kind: 'string', type: 'string', repeated: false, packed: false, oneof: 'dim' },
    num_shards: { id: 3, kind: 'varint', type: 'int64', repeated: false, packed: false },
  },
  TrainingInfoProto: {
    initialization: { id: 1, kind: 'message', type: 'GraphProto', repeated: false, packed: false },
    algorithm: { id: 2, kind: 'message', type: 'GraphProto', repeated: false, packed: false },
    initialization_binding: { id: 3, kind: 'message', type: 'StringStringEntryProto', repeated: true, packed: false },
    update_binding: { id: 4, kind: 'message', type: 'StringStringEntryProto', repeated: true, packed: false },
  },
  ModelProto: {
    ir_version: { id: 1, kind: 'varint', type: 'int64', repeated: false, packed: false },
    producer_name: { id: 2, kind: 'string', type: 'string', repeated: false, packed: false },
    producer_version: { id: 3, kind: 'string', type: 'string', repeated: false, packed: false },
    domain: { id: 4, kind: 'string', type: 'string', repeated: false, packed: false },
    model_version: { id: 5, kind: 'varint', type: 'int64', repeated: false, packed: false },
    doc_string: { id: 6, kind: 'string', type: 'string', repeated: false, packed: false },
    graph: { id: 7, kind: 'message', type: 'GraphProto', repeated: false, packed: false },
    opset_import: { id: 8, kind: 'message', type: 'OperatorSetIdProto', repeated: true, packed: false },
    metadata_props: { id: 14, kind: 'message', type: 'StringStringEntryProto', repeated: true, packed: false },
    training_info: { id: 20, kind: 'message', type: 'TrainingInfoProto', repeated: true, packed: false },
    functions: { id: 25, kind: 'message', type: 'FunctionProto', repeated: true, packed: false },
    configuration: { id: 26, kind: 'message', type: 'DeviceConfigurationProto', repeated: true, packed: false },
  },
  DeviceConfigurationProto: {
    name: { id: 1, kind: 'string', type: 'string', repeated: false, packed: false },
    num_devices: { id: 2, kind: 'varint', type: 'int32', repeated: false, packed: false },
    device: { id: 3, kind: 'string', type: 'string', repeated: true, packed: false },
  },
  StringStringEntryProto: {
    key: { id: 1, kind: 'string', type: 'string', repeated: false, packed: false },
    value: { id: 2, kind: 'string', type: 'string', repeated: false, packed: false },
  },
  TensorAnnotation: {
    tensor_name: { id: 1, kind: 'string', type: 'string', repeated: false, packed: false },
    quant_parameter_tensor_names: { id: 2, kind: 'message', type: 'StringStringEntryProto', repeated: true, packed: false },
  },
  GraphProto: {
    node: { id: 1, kind: 'message', type: 'NodeProto', repeated: true, packed: false },
    name: { id: 2, kind: 'string', type: 'string', repeated: false, packed: false },
    initializer: { id: 5, kind: 'message', type: 'TensorProto', repeated: true, packed: false },
    doc_string: { id: 10, kind: 'string', type: 'string', repeated: false, packed: false },
    input: { id: 11, kind: 'message', type: 'ValueInfoProto', repeated: true, packed: false },
    output: { id: 12, kind: 'message', type: 'ValueInfoProto', repeated: true, packed: false },
    value_info: { id: 13, kind: 'message', type: 'ValueInfoProto', repeated: true, packed: false },
    quantization_annotation: { id: 14, kind: 'message', type: 'TensorAnnotation', repeated: true, packed: false },
    sparse_initializer: { id: 15, kind: 'message', type: 'SparseTensorProto', repeated: true, packed: false },
    metadata_props: { id: 16, kind: 'message', type: 'StringStringEntryProto', repeated: true, packed: false },
  },
  TensorProto: {
    dims: { id: 1, kind: 'varint', type: 'int64', repeated: true, packed: false },
    data_type: { id: 2, kind: 'varint', type: 'int32', repeated: false, packed: false },
    segment: { id: 3, kind: 'message', type: 'TensorProto.Segment', repeated: false, packed: false },
    float_data: { id: 4, kind: 'fixed32', type: 'float', repeated: true, packed: true },
    int32_data: { id: 5, kind: 'varint', type: 'int32', repeated: true, packed: true },
    string_data: { id: 6, kind: 'bytes', type: 'bytes', repeated: true, packed: false },
    int64_data: { id: 7, kind: 'varint', type: 'int64', repeated: true, packed: true },
    name: { id: 8, kind: 'string', type: 'string', repeated: false, packed: false },
    raw_data: { id: 9, kind: 'bytes', type: 'bytes', repeated: false, packed: false },
    double_data: { id: 10, kind: 'fixed64', type: 'double', repeated: true, packed: true },
    uint64_data: { id: 11, kind: 'varint', type: 'uint64', repeated: true, packed: true },
    doc_string: { id: 12, kind: 'string', type: 'string', repeated: false, packed: false },
    external_data: { id: 13, kind: 'message', type: 'StringStringEntryProto', repeated: true, packed: false },
    data_location: { id: 14, kind: 'enum', type: 'DataLocation', repeated: false, packed: false },
    metadata_props: { id: 16, kind: 'message', type: 'StringStringEntryProto', repeated: true, packed: false },
  },
  'TensorProto.Segment': {
    begin: { id: 1, kind: 'varint', type: 'int64', repeated: false, packed: false },
    end: { id: 2, kind: 'varint', type: 'int64', repeated: false, packed: false },
  },
  SparseTensorProto: {
    values: { id: 1, kind: 'message', type: 'TensorProto', repeated: false, packed: false },
    indices: { id: 2, kind: 'message', type: 'TensorProto', repeated: false, packed: false },
    dims: { id: 3, kind: 'varint', type: 'int64', repeated: true, packed: false },
  },
  TensorShapeProto: {
    dim: { id: 1, kind: 'message', type: 'TensorShapeProto.Dimension', repeated: true, packed: false },
  },
  'TensorShapeProto.Dimension': {
    dim_value: { id: 1, kind: 'varint', type: 'int64', repeated: false, packed: false, oneof: 'value' },
    dim_param: { id: 2, kind: 'string', type: 'string', repeated: false, packed: false, oneof: 'value' },
    denotation: { id: 3, kind: 'string', type: 'string', repeated: false, packed: false },
  },
  TypeProto: {
    tensor_type: { id: 1, kind: 'message', type: 'TypeProto.Tensor', repeated: false, packed: false, oneof: 'value' },
    sequence_type: { id: 4, kind: 'message', type: 'TypeProto.Sequence', repeated: false, packed: false, oneof: 'value' },
    map_type: { id: 5, kind: 'message', type: 'TypeProto.Map', repeated: false, packed: false, oneof: 'value' },
    denotation: { id: 6, kind: 'string', type: 'string', repeated: false, packed: false },
    opaque_type: { id: 7, kind: 'message', type: 'TypeProto.Opaque', repeated: false, packed: false, oneof: 'value' },
    sparse_tensor_type: { id: 8, kind: 'message', type: 'TypeProto.SparseTensor', repeated: false, packed: false, oneof: 'value' },
    optional_type: { id: 9, kind: 'message', type: 'TypeProto.Optional', repeated: false, packed: false, oneof: 'value' },
  },
  'TypeProto.Tensor': {
    elem_type: { id: 1, kind: 'varint', type: 'int32', repeated: false, packed: false },
    shape: { id: 2, kind: 'message', type: 'TensorShapeProto', repeated: false, packed: false },
  },
  'TypeProto.Sequence': {
    elem_type: { id: 1, kind: 'message', type: 'TypeProto', repeated: false, packed: false },
  },
  'TypeProto.Map': {
    key_type: { id: 1, kind: 'varint', type: 'int32', repeated: false, packed: false },
    value_type: { id: 2, kind: 'message', type: 'TypeProto', repeated: false, packed: false },
  },
  'TypeProto.Optional': {
    elem_type: { id: 1, kind: 'message', type: 'TypeProto', repeated: false, packed: false },
  },
  'TypeProto.SparseTensor': {
    elem_type: { id: 1, kind: 'varint', type: 'int32', repeated: false, packed: false },
    shape: { id: 2, kind: 'message', type: 'TensorShapeProto', repeated: false, packed: false },
  },
  'TypeProto.Opaque': {
    domain: { id: 1, kind: 'string', type: 'string', repeated: false, packed: false },
    name: { id: 2, kind: 'string', type: 'string', repeated: false, packed: false },
  },
  OperatorSetIdProto: {
    domain: { id: 1, kind: 'string', type: 'string', repeated: false, packed: false },
    version: { id: 2, kind: 'varint', type: 'int64', repeated: false, packed: false },
  },
  FunctionProto: {
    name: { id: 1, kind: 'string', type: 'string', repeated: false, packed: false },
    input: { id: 4, kind: 'string', type: 'string', repeated: true, packed: false },
    output: { id: 5, kind: 'string', type: 'string', repeated: true, packed: false },
    attribute: { id: 6, kind: 'string', type: 'string', repeated: true, packed: false },
    node: { id: 7, kind: 'message', type: 'NodeProto', repeated: true, packed: false },
    doc_string: { id: 8, kind: 'string', type: 'string', repeated: false, packed: false },
    opset_import: { id: 9, kind: 'message', type: 'OperatorSetIdProto', repeated: true, packed: false },
    domain: { id: 10, kind: 'string', type: 'string', repeated: false, packed: false },
    attribute_proto: { id: 11, kind: 'message', type: 'AttributeProto', repeated: true, packed: false },
    value_info: { id: 12, kind: 'message', type: 'ValueInfoProto', repeated: true, packed: false },
    overload: { id: 13, kind: 'string', type: 'string', repeated: false, packed: false },
    metadata_props: { id: 14, kind: 'message', type: 'StringStringEntryProto', repeated: true, packed: false },
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, FieldInfo>>>>;

/** A message: a key of {@link FIELDS}. */
export type MessageName = keyof typeof FIELDS;

export const Version = {
  _START_VERSION: 0,
  IR_VERSION_2017_10_10: 1,
  IR_VERSION_2017_10_30: 2,
  IR_VERSION_2017_11_3: 3,
  IR_VERSION_2019_1_22: 4,
  IR_VERSION_2019_3_18: 5,
  IR_VERSION_2019_9_19: 6,
  IR_VERSION_2020_5_8: 7,
  IR_VERSION_2021_7_30: 8,
  IR_VERSION_2023_5_5: 9,
  IR_VERSION_2024_3_25: 10,
  IR_VERSION_2025_05_12: 11,
  IR_VERSION_2025_08_26: 12,
  IR_VERSION: 13,
} as const;
export type Version = (typeof Version)[keyof typeof Version];

export const OperatorStatus = {
  EXPERIMENTAL: 0,
  STABLE: 1,
} as const;
export type OperatorStatus = (typeof OperatorStatus)[keyof typeof OperatorStatus];

export const AttributeType = {
  UNDEFINED: 0,
  FLOAT: 1,
  INT: 2,
  STRING: 3,
  TENSOR: 4,
  GRAPH: 5,
  SPARSE_TENSOR: 11,
  TYPE_PROTO: 13,
  FLOATS: 6,
  INTS: 7,
  STRINGS: 8,
  TENSORS: 9,
  GRAPHS: 10,
  SPARSE_TENSORS: 12,
  TYPE_PROTOS: 14,
} as const;
export type AttributeType = (typeof AttributeType)[keyof typeof AttributeType];

export const DataType = {
  UNDEFINED: 0,
  FLOAT: 1,
  UINT8: 2,
  INT8: 3,
  UINT16: 4,
  INT16: 5,
  INT32: 6,
  INT64: 7,
  STRING: 8,
  BOOL: 9,
  FLOAT16: 10,
  DOUBLE: 11,
  UINT32: 12,
  UINT64: 13,
  COMPLEX64: 14,
  COMPLEX128: 15,
  BFLOAT16: 16,
  FLOAT8E4M3FN: 17,
  FLOAT8E4M3FNUZ: 18,
  FLOAT8E5M2: 19,
  FLOAT8E5M2FNUZ: 20,
  UINT4: 21,
  INT4: 22,
  FLOAT4E2M1: 23,
  FLOAT8E8M0: 24,
  UINT2: 25,
  INT2: 26,
} as const;
export type DataType = (typeof DataType)[keyof typeof DataType];

export const DataLocation = {
  DEFAULT: 0,
  EXTERNAL: 1,
} as const;
export type DataLocation = (typeof DataLocation)[keyof typeof DataLocation];
