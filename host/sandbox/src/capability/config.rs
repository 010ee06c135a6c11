//! `wasi:config`: a service's own variables and secrets, in both drafts that toolchains use.

use crate::state::InstanceState;

/// One version of the interface: the same answers under another name.
macro_rules! config_store {
    ($version:ident) => {
        mod $version {
            use crate::bindings::wasi::$version::store::{Error, Host};
            use crate::state::InstanceState;

            impl Host for InstanceState {
                async fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<String>, Error>> {
                    Ok(Ok(super::get(self, &key)))
                }

                async fn get_all(&mut self) -> wasmtime::Result<Result<Vec<(String, String)>, Error>> {
                    Ok(Ok(super::get_all(self)))
                }
            }
        }
    };
}

config_store!(config0_2_0_draft_2024_09_27);
config_store!(config0_2_0_rc_1);

fn get(state: &InstanceState, key: &str) -> Option<String> {
    let grants = &state.parts.grants;
    let variable = grants.variables.get(key).map(String::as_str);
    variable.or_else(|| grants.secrets.get(key).map(|secret| secret.expose())).map(str::to_owned)
}

fn get_all(state: &InstanceState) -> Vec<(String, String)> {
    let grants = &state.parts.grants;
    let variables = grants.variables.iter().map(|(key, value)| (key.clone(), value.clone()));
    let secrets = grants.secrets.iter().map(|(key, secret)| (key.clone(), secret.expose().to_owned()));
    variables.chain(secrets).collect()
}
