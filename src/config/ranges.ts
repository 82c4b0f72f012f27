/** What K3s and Kubernetes allow of pods' and Services' ranges: one, or one of each family. */
export const atMostTwo = (cidrs: readonly { family: string }[]): string | undefined =>
  cidrs.length > 2 || (cidrs.length === 2 && cidrs[0]?.family === cidrs[1]?.family)
    ? 'there can be one CIDR, or one of each family'
    : undefined
