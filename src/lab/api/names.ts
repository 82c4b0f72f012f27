/** What is wrong with a name, label or port, in the words of apimachinery's util/validation. Empty: nothing. */
export type Complaints = string[]

const labelWords =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
const subdomainWords =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
const qualifiedRule =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
const labelValueWords =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"

const dnsLabel = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/
const dnsSubdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
const qualifiedPart = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/
const labelValue = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/

export const dnsLabelErrors = (value: string): Complaints => [
  ...(value.length > 63 ? ['must be no more than 63 characters'] : []),
  ...(dnsLabel.test(value) ? [] : [labelWords]),
]

export const dnsSubdomainErrors = (value: string): Complaints => [
  ...(value.length > 253 ? ['must be no more than 253 characters'] : []),
  ...(dnsSubdomain.test(value) ? [] : [subdomainWords]),
]

/** Names of Namespaces and Services: a label, with a word of its own for dots. */
export const dnsLabelNameErrors = (value: string): Complaints =>
  value.includes('.') ? ['must not contain dots'] : dnsLabelErrors(value)

/** Names that only have to fit into a path: those of roles and bindings. */
export const pathSegmentErrors = (value: string): Complaints => [
  ...(value === '.' || value === '..' ? [`may not be '${value}'`] : []),
  ...['/', '%'].filter((character) => value.includes(character)).map((character) => `may not contain '${character}'`),
]

/** `name` or `prefix.example/name`: label keys, appProtocol, load-balancer classes. */
export function qualifiedNameErrors(value: string): Complaints {
  const parts = value.split('/')
  if (parts.length > 2)
    return [
      `a valid label key ${qualifiedRule} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ]
  const name = parts.at(-1) ?? ''
  const prefix = parts.length === 2 ? (parts[0] ?? '') : undefined
  const errors: Complaints = []
  if (prefix === '') errors.push('prefix part must be non-empty')
  else if (prefix !== undefined)
    errors.push(...dnsSubdomainErrors(prefix.toLowerCase()).map((words) => `prefix part ${words}`))
  if (name === '') errors.push('name part must be non-empty')
  if (name.length > 63) errors.push('name part must be no more than 63 bytes')
  if (!qualifiedPart.test(name)) errors.push(`name part ${qualifiedRule}`)
  return errors
}

export const labelValueErrors = (value: string): Complaints => [
  ...(value.length > 63 ? ['must be no more than 63 bytes'] : []),
  ...(labelValue.test(value) ? [] : [labelValueWords]),
]

/** Names of container ports and of ports that a Service or probe refers to (RFC 6335 §5.1). */
export function portNameErrors(value: string): Complaints {
  const errors: Complaints = []
  if (value.length > 15) errors.push('must be no more than 15 characters')
  if (!/^[-a-z0-9]+$/.test(value)) errors.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)')
  if (!/[a-z]/.test(value)) errors.push('must contain at least one letter (a-z)')
  if (value.includes('--')) errors.push('must not contain consecutive hyphens')
  if (value.startsWith('-') || value.endsWith('-')) errors.push('must not begin or end with a hyphen')
  return errors
}

export const portNumberErrors = (value: unknown): Complaints =>
  typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65_535
    ? []
    : ['must be between 1 and 65535, inclusive']

export const configKeyErrors = (value: string): Complaints =>
  /^[-._a-zA-Z0-9]+$/.test(value)
    ? []
    : [
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
      ]
