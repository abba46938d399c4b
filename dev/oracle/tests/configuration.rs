//! The addresses of requests, with settings in the environment and in profiles.

use aws_config::BehaviorVersion;
use aws_smithy_http_client::test_util::infallible_client_fn;
use aws_types::SdkConfig;
use aws_types::os_shim_internal::{Env, Fs};

use crate::clients::{NAME, now, official, ours, sent};

const AWS: &str = "https://api.sagemaker.us-east-1.amazonaws.com/";
const PROFILE: &str = "[default]\nendpoint_url = http://profile";
const SERVICES: &str = "\
[default]
endpoint_url = http://profile
services = local
[profile other]
services = local
[services local]
ssm =
  endpoint_url = http://ssm-section
sagemaker =
  endpoint_url = http://section
";

async fn load(variables: &[(&str, &str)], profiles: &str, in_code: Option<&str>) -> SdkConfig {
    let mut environment = vec![
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "a secret"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_CONFIG_FILE", "config"),
    ];
    environment.extend(variables);
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .env(Env::from_slice(&environment))
        .fs(Fs::from_slice(&[("config", profiles)]))
        .http_client(infallible_client_fn(|_| http::Response::new("")))
        .time_source(now());
    if let Some(address) = in_code {
        loader = loader.endpoint_url(address);
    }
    loader.load().await
}

/// Asserts the address to which both clients send a request; none if the settings are an error.
async fn assert_address(variables: &[(&str, &str)], profiles: &str, in_code: Option<&str>, expected: Option<&str>) {
    let config = load(variables, profiles, in_code).await;
    let ours = sent(&config, async |config| ours(config, NAME).await).await.map(|sent| sent.uri);
    let official = sent(&config, async |config| official(config, NAME).await).await.map(|sent| sent.uri);
    let given = format!("{variables:?} {profiles:?} {in_code:?}");
    assert_eq!(official.as_ref().ok().map(String::as_str), expected, "the official one, given {given}: {official:?}");
    assert_eq!(ours.as_ref().ok().map(String::as_str), expected, "ours, given {given}: {ours:?}");
}

#[tokio::test]
async fn the_service_s_own_variable_comes_first() {
    let all = ("AWS_ENDPOINT_URL", "http://all");
    let own = ("AWS_ENDPOINT_URL_SAGEMAKER", "http://own");
    assert_address(&[], "", None, Some(AWS)).await;
    assert_address(&[all], "", None, Some("http://all/")).await;
    assert_address(&[own], "", None, Some("http://own/")).await;
    assert_address(&[all, own], "", None, Some("http://own/")).await;
    assert_address(&[all, own], SERVICES, None, Some("http://own/")).await;
    assert_address(&[("AWS_ENDPOINT_URL_SSM", "http://another")], "", None, Some(AWS)).await;
}

#[tokio::test]
async fn a_profile_comes_after_the_environment_and_its_section_for_the_service_first() {
    let all = ("AWS_ENDPOINT_URL", "http://all");
    let other = ("AWS_PROFILE", "other");
    assert_address(&[], PROFILE, None, Some("http://profile/")).await;
    assert_address(&[all], PROFILE, None, Some("http://all/")).await;
    assert_address(&[], SERVICES, None, Some("http://section/")).await;
    assert_address(&[all], SERVICES, None, Some("http://all/")).await;
    assert_address(&[other], SERVICES, None, Some("http://section/")).await;
    assert_address(&[other], PROFILE, None, Some(AWS)).await;
}

#[tokio::test]
async fn what_is_set_in_code_comes_before_all() {
    let own = ("AWS_ENDPOINT_URL_SAGEMAKER", "http://own");
    let ignore = ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true");
    assert_address(&[own], SERVICES, Some("http://code"), Some("http://code/")).await;
    assert_address(&[own, ignore], SERVICES, Some("http://code"), Some("http://code/")).await;
}

#[tokio::test]
async fn all_of_it_can_be_ignored() {
    let all = ("AWS_ENDPOINT_URL", "http://all");
    let own = ("AWS_ENDPOINT_URL_SAGEMAKER", "http://own");
    let ignore = ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true");
    let ignoring = format!("{SERVICES}[profile ignoring]\nignore_configured_endpoint_urls = true\nservices = local\n");
    assert_address(&[all, ignore], PROFILE, None, Some(AWS)).await;
    assert_address(&[all, own, ignore], SERVICES, None, Some(AWS)).await;
    assert_address(&[own, ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "false")], "", None, Some("http://own/")).await;
    assert_address(&[("AWS_PROFILE", "ignoring")], &ignoring, None, Some(AWS)).await;
    assert_address(&[("AWS_PROFILE", "ignoring"), all, own], &ignoring, None, Some(AWS)).await;
}

#[tokio::test]
async fn fips_and_dual_stack_are_settings_too() {
    let fips = ("AWS_USE_FIPS_ENDPOINT", "true");
    let dual_stack = ("AWS_USE_DUALSTACK_ENDPOINT", "true");
    let own = ("AWS_ENDPOINT_URL_SAGEMAKER", "http://own");
    let profile = "[default]\nuse_fips_endpoint = true";
    assert_address(&[fips], "", None, Some("https://api-fips.sagemaker.us-east-1.amazonaws.com/")).await;
    assert_address(&[dual_stack], "", None, Some("https://api.sagemaker.us-east-1.api.aws/")).await;
    assert_address(&[fips, dual_stack], "", None, Some("https://api.sagemaker-fips.us-east-1.api.aws/")).await;
    assert_address(&[], profile, None, Some("https://api-fips.sagemaker.us-east-1.amazonaws.com/")).await;
    assert_address(&[fips, own], "", None, None).await;
    assert_address(&[dual_stack, own], "", None, None).await;
}

#[tokio::test]
async fn what_is_no_address_is_treated_alike() {
    assert_address(&[("AWS_ENDPOINT_URL", "not an address")], "", None, None).await;
    assert_address(&[("AWS_ENDPOINT_URL_SAGEMAKER", "not an address")], "", None, None).await;
}

/// The SDK's own code asserts that the address is not empty.
#[tokio::test]
async fn an_empty_address_makes_both_panic() {
    for variable in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SAGEMAKER"] {
        let config = load(&[(variable, "")], "", None).await;
        let same = config.clone();
        let ours = tokio::spawn(async move { ours(&config, NAME).await }).await;
        let official = tokio::spawn(async move { official(&same, NAME).await }).await;
        assert!(ours.is_err_and(|error| error.is_panic()), "ours, given an empty {variable}");
        assert!(official.is_err_and(|error| error.is_panic()), "the official one, given an empty {variable}");
    }
}
