import type { TypeName, ValueOf } from './types.ts'

/** Where a setting's value came from, the later ones winning. */
export const origins = [
  'default',
  'environment',
  'K3s config file',
  'component config file',
  'argument',
  'flag',
] as const
export type Origin = (typeof origins)[number]

/** Programs of Kubernetes whose flags are taken under their own names. */
export type Component = 'kube-proxy' | 'kube-controller-manager'

/** One row a flag. */
export interface Flag<T extends TypeName = TypeName> {
  type: T
  /** As it is written; absent: the flag has no value unless somebody gives one. */
  default?: string
  /** Whose name it is: a component takes it as `--<component>-arg` too, k3s as a key of config.yaml. */
  of: readonly (Component | 'k3s' | 'weft')[]
  /** Where it stands in a KubeProxyConfiguration (v1alpha1), as a path with dots. */
  field?: string
  help: string
  /** A right value, for whoever wrote a wrong one; else the default is shown. */
  example?: string
  choices?: readonly string[]
  /** Says what is wrong with a value that is well written; undefined: nothing. */
  check?: (value: ValueOf<T>) => string | undefined
  /** Taken so that existing files and units go on working, and said once when it is set: why it changes nothing. */
  noEffect?: string
  /** K3s' variable of the environment for it. */
  env?: string
  /** Another name for the flag of that name: what is said under either counts as if it were said under that one. */
  aliasOf?: string
  /** Its values are flags of a component, each `NAME=VALUE`. */
  argumentsOf?: Component
}

/** Keeps each row's type, so that the values have theirs. */
export const flag = <T extends TypeName, R extends { default?: string }>(row: Flag<T> & R): Flag<T> & R => row

export type FlagTable = Readonly<Record<string, Flag<any>>>

type IsSet<F> = F extends { default: string } ? true : false

/** The values of a table's flags, by name; undefined where there is no default and nobody gave one. */
export type Values<T extends FlagTable> = {
  [K in keyof T]: T[K] extends Flag<infer Type>
    ? IsSet<T[K]> extends true
      ? ValueOf<Type>
      : ValueOf<Type> | undefined
    : never
}

/** Types that hold several values, so that a flag given twice holds both, as pflag and K3s' command line have it. Of others the last counts. */
export const isList = ({ type }: Flag): boolean => type === 'cidrs' || type === 'texts'

/** The choices that this version has: a check refuses the others, which others have. */
export const supportedChoices = ({ choices, check }: Flag): readonly string[] | undefined =>
  choices?.filter((choice) => check?.(choice) === undefined)
