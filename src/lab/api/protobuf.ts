/** As much of the protobuf wire format as a small document needs: length-delimited fields. */
const lengthDelimited = 2

function varint(number: number): Buffer {
  const bytes: number[] = []
  let rest = number
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80)
    rest >>>= 7
  }
  return Buffer.from([...bytes, rest])
}

export const message = (...fields: readonly Buffer[]): Buffer => Buffer.concat(fields)

/** A field that holds a message or bytes. */
export const bytesField = (number: number, value: Buffer): Buffer =>
  Buffer.concat([varint((number << 3) | lengthDelimited), varint(value.length), value])

export const textField = (number: number, value: string): Buffer => bytesField(number, Buffer.from(value))

/** A field that holds a whole number or a boolean. */
export const numberField = (number: number, value: number): Buffer =>
  Buffer.concat([varint(number << 3), varint(value)])
