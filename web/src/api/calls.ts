// The server's interface, one function a call.
import { request } from "./http";
import type { Answer, Dashboard, FailedEvent, Panel, Query, Schema } from "./types";

export interface Session {
  scopes: string[];
  project: string;
}

export const session = () => request<Session>("GET", "/v1/session");
export const logIn = (key: string) => request<void>("POST", "/v1/session", { key });
export const logOut = () => request<void>("DELETE", "/v1/session");

export const query = (query: Query, signal?: AbortSignal) => request<Answer>("POST", "/v1/query", query, signal);
export const schema = () => request<Schema>("GET", "/v1/schema");
export const failed = (limit: number) => request<{ failed: FailedEvent[] }>("GET", `/v1/failed?limit=${limit}`);

const at = (id: string) => `/v1/dashboards/${encodeURIComponent(id)}`;
export const dashboards = async () => (await request<{ dashboards: Dashboard[] }>("GET", "/v1/dashboards")).dashboards;
export const dashboard = (id: string) => request<Dashboard>("GET", at(id));
export const saveDashboard = (id: string, name: string, panels: Panel[]) => request<Dashboard>("PUT", at(id), { name, panels });
export const removeDashboard = (id: string) => request<void>("DELETE", at(id));
export const shareDashboard = (id: string) => request<{ link: string }>("POST", `${at(id)}/share`);
export const unshareDashboard = (id: string) => request<void>("DELETE", `${at(id)}/share`);
export const sharedDashboard = (token: string) =>
  request<{ name: string; updated: string; panels: Panel[] }>("GET", `/v1/shared/${encodeURIComponent(token)}`);
