/** What a kubelet answers with when it does not do what it was asked: a status of HTTP and a line of text. */
export class Refusal extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}
