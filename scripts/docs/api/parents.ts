/**
 * The types of parent proxies and of the credentials for them. [Parent proxies](../../guide/parents.md) tells what
 * they are for.
 *
 * @module
 */
export type {
  ChooseParents, ChooseRouteParents, CredentialsForParent, ParentAws4Credentials, ParentBasicCredentials, ParentBearerCredentials, ParentChoice,
  ParentCredentials, ParentDigestCredentials, ParentEvent, ParentNegotiateCredentials, ParentNtlmCredentials, ParentOptions, RouteParentChoice
} from '../../../lib/index.js'
