//! The tokens that services give out under a prefix of their own: prefix, alphabet, length.
//!
//! The forms are those that the services document and that public secret scanners search for. A prefix that other
//! words begin with, too, asks for more of what follows it.

use super::rules::Rule;
use super::tokens::{
    LONG, TokenForm, has_digit, has_digit_or_mix, is_alphanumeric, is_base64, is_base64url, is_base64url_or_dot,
    is_github, is_hex, is_random, is_upper_or_digit, is_word, shape,
};

/// Those that a word begins with.
#[rustfmt::skip]
pub(super) static VENDORS: &[(&str, TokenForm)] = &[
    ("AKIA", shape(Rule::AwsKey, is_upper_or_digit, (16, 16), has_digit_or_mix)),
    ("ASIA", shape(Rule::AwsKey, is_upper_or_digit, (16, 16), has_digit_or_mix)),
    ("ABIA", shape(Rule::AwsKey, is_upper_or_digit, (16, 16), has_digit_or_mix)),
    ("ACCA", shape(Rule::AwsKey, is_upper_or_digit, (16, 16), has_digit_or_mix)),
    ("ABSK", shape(Rule::AwsKey, is_base64, (60, 300), is_random)),
    ("bedrock-api-key-", shape(Rule::AwsKey, is_base64, (20, LONG), is_random)),
    ("amzn.mws.", shape(Rule::AwsKey, is_dashed_hex, (32, 36), has_digit)),
    ("ghp_", shape(Rule::GithubToken, is_alphanumeric, (36, 251), is_github)),
    ("gho_", shape(Rule::GithubToken, is_alphanumeric, (36, 251), is_github)),
    ("ghu_", shape(Rule::GithubToken, is_alphanumeric, (36, 251), is_github)),
    ("ghs_", shape(Rule::GithubToken, is_alphanumeric, (36, 251), is_github)),
    ("ghr_", shape(Rule::GithubToken, is_alphanumeric, (36, 251), is_github)),
    ("github_pat_", shape(Rule::GithubToken, is_word, (40, 255), is_random)),
    ("glpat-", shape(Rule::GitlabToken, is_base64url_or_dot, (20, 300), is_random)),
    ("gldt-", shape(Rule::GitlabToken, is_base64url, (20, 64), is_random)),
    ("glrt-", shape(Rule::GitlabToken, is_base64url_or_dot, (20, 300), is_random)),
    ("glrtr-", shape(Rule::GitlabToken, is_base64url_or_dot, (20, 300), is_random)),
    ("glcbt-", shape(Rule::GitlabToken, is_base64url, (20, 64), is_random)),
    ("glft-", shape(Rule::GitlabToken, is_base64url, (20, 64), is_random)),
    ("glimt-", shape(Rule::GitlabToken, is_base64url, (25, 64), is_random)),
    ("glagent-", shape(Rule::GitlabToken, is_base64url, (40, 128), is_random)),
    ("gloas-", shape(Rule::GitlabToken, is_base64url, (40, 128), is_random)),
    ("glsoat-", shape(Rule::GitlabToken, is_base64url, (20, 64), is_random)),
    ("glffct-", shape(Rule::GitlabToken, is_base64url, (20, 64), is_random)),
    ("glptt-", shape(Rule::GitlabToken, is_hex, (40, 40), is_random)),
    ("GR1348941", shape(Rule::GitlabToken, is_base64url, (20, 20), is_random)),
    ("_gitlab_session=", shape(Rule::GitlabToken, is_hex, (32, 32), has_digit)),
    ("xoxa-", shape(Rule::SlackToken, is_base64url, (10, LONG), has_digit)),
    ("xoxb-", shape(Rule::SlackToken, is_base64url, (10, LONG), has_digit)),
    ("xoxc-", shape(Rule::SlackToken, is_base64url, (10, LONG), has_digit)),
    ("xoxe-", shape(Rule::SlackToken, is_base64url, (10, LONG), has_digit)),
    ("xoxe.", shape(Rule::SlackToken, is_base64url, (10, LONG), has_digit)),
    ("xoxo-", shape(Rule::SlackToken, is_base64url, (10, LONG), has_digit)),
    ("xoxp-", shape(Rule::SlackToken, is_base64url, (10, LONG), has_digit)),
    ("xoxr-", shape(Rule::SlackToken, is_base64url, (10, LONG), has_digit)),
    ("xoxs-", shape(Rule::SlackToken, is_base64url, (10, LONG), has_digit)),
    ("xapp-", shape(Rule::SlackToken, is_base64url, (10, LONG), has_digit)),
    ("xwfp-", shape(Rule::SlackToken, is_base64url, (10, LONG), has_digit)),
    ("rk_live_", shape(Rule::StripeKey, is_alphanumeric, (10, 300), is_random)),
    ("rk_test_", shape(Rule::StripeKey, is_alphanumeric, (16, 300), is_random)),
    ("rk_prod_", shape(Rule::StripeKey, is_alphanumeric, (10, 300), is_random)),
    ("AIza", shape(Rule::GoogleKey, is_base64url, (35, 35), is_random)),
    ("GOCSPX-", shape(Rule::GoogleKey, is_base64url, (24, 40), is_random)),
    ("ya29.", shape(Rule::GoogleKey, is_base64url_or_dot, (20, LONG), is_random)),
    ("npm_", shape(Rule::VendorToken, is_alphanumeric, (36, 36), has_digit_or_mix)),
    ("pypi-AgE", shape(Rule::VendorToken, is_base64url, (50, LONG), is_random)),
    ("rubygems_", shape(Rule::VendorToken, is_hex, (48, 48), is_random)),
    ("CLOJARS_", shape(Rule::VendorToken, is_alphanumeric, (60, 60), is_random)),
    ("dckr_pat_", shape(Rule::VendorToken, is_base64url, (20, 60), is_random)),
    ("dckr_oat_", shape(Rule::VendorToken, is_base64url, (20, 60), is_random)),
    ("SWMTKN-1-", shape(Rule::VendorToken, is_base64url, (60, 100), is_random)),
    ("hvs.", shape(Rule::VendorToken, is_base64url, (20, 300), is_random)),
    ("hvb.", shape(Rule::VendorToken, is_base64url, (100, 400), is_random)),
    ("hvr.", shape(Rule::VendorToken, is_base64url, (20, 300), is_random)),
    ("atlasv1.", shape(Rule::VendorToken, is_base64url, (60, 80), is_random)),
    ("dop_v1_", shape(Rule::VendorToken, is_hex, (64, 64), is_random)),
    ("doo_v1_", shape(Rule::VendorToken, is_hex, (64, 64), is_random)),
    ("dor_v1_", shape(Rule::VendorToken, is_hex, (64, 64), is_random)),
    ("shpat_", shape(Rule::VendorToken, is_hex, (32, 64), is_random)),
    ("shpca_", shape(Rule::VendorToken, is_hex, (32, 64), is_random)),
    ("shppa_", shape(Rule::VendorToken, is_hex, (32, 64), is_random)),
    ("shpss_", shape(Rule::VendorToken, is_hex, (32, 64), is_random)),
    ("gsk_", shape(Rule::VendorToken, is_alphanumeric, (40, 80), is_random)),
    ("pplx-", shape(Rule::VendorToken, is_alphanumeric, (40, 64), is_random)),
    ("xai-", shape(Rule::VendorToken, is_base64url, (70, 100), is_random)),
    ("nvapi-", shape(Rule::VendorToken, is_base64url, (50, 80), is_random)),
    ("csk-", shape(Rule::VendorToken, is_lower_or_digit, (40, 60), is_random)),
    ("tvly-", shape(Rule::VendorToken, is_base64url, (28, 60), is_random)),
    ("pcsk_", shape(Rule::VendorToken, is_word, (40, 90), is_random)),
    ("lsv2_", shape(Rule::VendorToken, is_word, (40, 60), is_random)),
    ("jina_", shape(Rule::VendorToken, is_base64url, (50, 70), is_random)),
    ("wandb_v1_", shape(Rule::VendorToken, is_base64url, (60, 120), is_random)),
    ("figd_", shape(Rule::VendorToken, is_base64url, (36, 60), is_random)),
    ("lin_api_", shape(Rule::VendorToken, is_alphanumeric, (32, 64), is_random)),
    ("lin_oauth_", shape(Rule::VendorToken, is_alphanumeric, (32, 80), is_random)),
    ("ntn_", shape(Rule::VendorToken, is_alphanumeric, (40, 60), is_random)),
    ("secret_", shape(Rule::VendorToken, is_alphanumeric, (43, 43), is_mixed)),
    ("PMAK-", shape(Rule::VendorToken, is_dashed_hex, (59, 59), is_random)),
    ("PMAT-", shape(Rule::VendorToken, is_alphanumeric, (26, 26), is_random)),
    ("pul-", shape(Rule::VendorToken, is_hex, (40, 40), is_random)),
    ("pscale_", shape(Rule::VendorToken, is_planetscale, (32, 80), is_random)),
    ("pnu_", shape(Rule::VendorToken, is_alphanumeric, (36, 36), is_random)),
    ("pnb_", shape(Rule::VendorToken, is_alphanumeric, (36, 36), is_random)),
    ("dp.pt.", shape(Rule::VendorToken, is_alphanumeric, (40, 44), is_random)),
    ("dp.st.", shape(Rule::VendorToken, is_base64url_or_dot, (40, 80), is_random)),
    ("dp.ct.", shape(Rule::VendorToken, is_alphanumeric, (40, 44), is_random)),
    ("dp.sa.", shape(Rule::VendorToken, is_alphanumeric, (40, 44), is_random)),
    ("dp.scim.", shape(Rule::VendorToken, is_alphanumeric, (40, 44), is_random)),
    ("duffel_", shape(Rule::VendorToken, is_base64url, (43, 60), is_random)),
    ("EZAK", shape(Rule::VendorToken, is_alphanumeric, (54, 54), is_random)),
    ("EZTK", shape(Rule::VendorToken, is_alphanumeric, (54, 54), is_random)),
    ("FLWSECK", shape(Rule::VendorToken, is_base64url, (12, 64), is_random)),
    ("fio-u-", shape(Rule::VendorToken, is_base64url, (64, 64), is_random)),
    ("tfp_", shape(Rule::VendorToken, is_base64url, (40, 70), is_random)),
    ("ico-", shape(Rule::VendorToken, is_alphanumeric, (32, 32), is_mixed)),
    ("nfp_", shape(Rule::VendorToken, is_alphanumeric, (36, 64), is_random)),
    ("sha256~", shape(Rule::VendorToken, is_base64url, (40, 50), is_random)),
    ("rdme_", shape(Rule::VendorToken, is_alphanumeric, (70, 70), is_random)),
    ("tk-us-", shape(Rule::VendorToken, is_base64url, (48, 48), is_random)),
    ("sntrys_", shape(Rule::VendorToken, is_sentry, (40, LONG), is_random)),
    ("sntryu_", shape(Rule::VendorToken, is_hex, (64, 64), is_random)),
    ("sntrya_", shape(Rule::VendorToken, is_hex, (64, 64), is_random)),
    ("shippo_live_", shape(Rule::VendorToken, is_hex, (40, 40), is_random)),
    ("shippo_test_", shape(Rule::VendorToken, is_hex, (40, 40), is_random)),
    ("sqp_", shape(Rule::VendorToken, is_hex, (40, 40), is_random)),
    ("squ_", shape(Rule::VendorToken, is_hex, (40, 40), is_random)),
    ("sqa_", shape(Rule::VendorToken, is_hex, (40, 40), is_random)),
    ("sbp_", shape(Rule::VendorToken, is_base64url, (40, 44), is_random)),
    ("sb_secret_", shape(Rule::VendorToken, is_base64url, (30, 50), is_random)),
    ("tskey-", shape(Rule::VendorToken, is_base64url, (20, 90), is_random)),
    ("AQVN", shape(Rule::VendorToken, is_base64url, (35, 38), is_random)),
    ("HRKU-", shape(Rule::VendorToken, is_base64url, (36, 70), is_random)),
    ("dapi", shape(Rule::VendorToken, is_dashed_hex, (32, 34), is_random)),
    ("aio_", shape(Rule::VendorToken, is_alphanumeric, (28, 28), is_random)),
    ("LTAI", shape(Rule::VendorToken, is_alphanumeric, (12, 24), is_random)),
    ("AKCp", shape(Rule::VendorToken, is_alphanumeric, (60, 75), is_random)),
    ("cmVmd", shape(Rule::VendorToken, is_alphanumeric, (59, 59), is_random)),
    ("AGE-SECRET-KEY-1", shape(Rule::PrivateKey, is_upper_or_digit, (58, 58), has_digit_or_mix)),
    ("AGE-SECRET-KEY-PQ-1", shape(Rule::PrivateKey, is_upper_or_digit, (50, 200), has_digit_or_mix)),
    ("CFPAT-", shape(Rule::VendorToken, is_base64url, (40, 50), is_random)),
    ("dnkey-", shape(Rule::VendorToken, is_base64url, (60, 90), is_random)),
    ("fo1_", shape(Rule::VendorToken, is_base64url, (40, 50), is_random)),
    ("pat.", shape(Rule::VendorToken, is_base64url_or_dot, (60, 80), is_mixed)),
    ("API-", shape(Rule::VendorToken, is_upper_or_digit, (25, 32), is_random)),
    ("ops_eyJ", shape(Rule::VendorToken, is_base64, (100, LONG), is_random)),
    ("access-sandbox-", shape(Rule::VendorToken, is_dashed_hex, (36, 36), has_digit)),
    ("access-production-", shape(Rule::VendorToken, is_dashed_hex, (36, 36), has_digit)),
    ("access-development-", shape(Rule::VendorToken, is_dashed_hex, (36, 36), has_digit)),
    ("sgp_", shape(Rule::VendorToken, is_word, (40, 60), is_random)),
    ("dt0c01.", shape(Rule::VendorToken, is_base64url_or_dot, (60, 100), is_random)),
    ("dt0s", shape(Rule::VendorToken, is_base64url_or_dot, (60, 110), is_random)),
    ("NRAK-", shape(Rule::VendorToken, is_alphanumeric, (27, 27), is_random)),
    ("NRII-", shape(Rule::VendorToken, is_base64url, (32, 32), is_random)),
    ("NRJS-", shape(Rule::VendorToken, is_hex, (19, 19), is_random)),
    ("NRRA-", shape(Rule::VendorToken, is_hex, (42, 42), is_random)),
    ("xkeysib-", shape(Rule::VendorToken, is_base64url, (64, 90), is_random)),
    ("xsmtpsib-", shape(Rule::VendorToken, is_base64url, (64, 90), is_random)),
    ("mlsn.", shape(Rule::VendorToken, is_alphanumeric, (32, 90), is_random)),
    ("key-", shape(Rule::VendorToken, is_hex, (32, 32), is_random)),
    ("glsa_", shape(Rule::VendorToken, is_word, (38, 50), is_random)),
    ("glc_", shape(Rule::VendorToken, is_base64, (32, 400), is_random)),
    ("EAAC", shape(Rule::VendorToken, is_alphanumeric, (90, 400), is_random)),
    ("EAAM", shape(Rule::VendorToken, is_alphanumeric, (90, 400), is_random)),
    ("EAAA", shape(Rule::VendorToken, is_base64url, (22, 64), is_mixed)),
    ("sq0atp-", shape(Rule::VendorToken, is_base64url, (22, 64), is_random)),
    ("sq0csp-", shape(Rule::VendorToken, is_base64url, (40, 64), is_random)),
    ("AAAAAAAAAAAAAAAAAAAAA", shape(Rule::VendorToken, is_twitter, (60, 140), is_random)),
    ("rzp_live_", shape(Rule::VendorToken, is_alphanumeric, (14, 32), has_digit_or_mix)),
    ("xnd_production_", shape(Rule::VendorToken, is_alphanumeric, (40, 90), is_random)),
    ("xnd_development_", shape(Rule::VendorToken, is_alphanumeric, (40, 90), is_random)),
    ("pat-na1-", shape(Rule::VendorToken, is_dashed_hex, (36, 36), has_digit)),
    ("pat-eu1-", shape(Rule::VendorToken, is_dashed_hex, (36, 36), has_digit)),
    ("CCIPAT_", shape(Rule::VendorToken, is_word, (40, 90), is_random)),
    ("CCIPRJ_", shape(Rule::VendorToken, is_word, (40, 90), is_random)),
    ("bkua_", shape(Rule::VendorToken, is_alphanumeric, (40, 40), is_random)),
    ("vcp_", shape(Rule::VendorToken, is_base64url, (50, 70), is_random)),
    ("vca_", shape(Rule::VendorToken, is_base64url, (50, 70), is_random)),
    ("vck_", shape(Rule::VendorToken, is_base64url, (50, 70), is_random)),
    ("napi_", shape(Rule::VendorToken, is_alphanumeric, (40, 70), is_random)),
    ("mdb_sa_sk_", shape(Rule::VendorToken, is_base64url, (36, 50), is_random)),
    ("phx_", shape(Rule::VendorToken, is_alphanumeric, (40, 60), is_random)),
    ("v1.0-", shape(Rule::VendorToken, is_dashed_hex, (171, 171), is_random)),
    ("rnd_", shape(Rule::VendorToken, is_alphanumeric, (28, 32), has_digit_or_mix)),
    ("ddp_", shape(Rule::VendorToken, is_alphanumeric, (36, 36), is_random)),
    ("apify_api_", shape(Rule::VendorToken, is_alphanumeric, (34, 40), has_digit_or_mix)),
    ("waka_", shape(Rule::VendorToken, is_base64url, (36, 80), is_random)),
    ("os_v2_", shape(Rule::VendorToken, is_word, (90, 120), is_random)),
    ("hcaik_", shape(Rule::VendorToken, is_alphanumeric, (50, 70), is_random)),
    ("ATAT", shape(Rule::VendorToken, is_planetscale, (80, 250), is_random)),
    ("ATCTT3", shape(Rule::VendorToken, is_planetscale, (80, 250), is_random)),
    ("ATBB", shape(Rule::VendorToken, is_alphanumeric, (32, 40), is_random)),
    ("$aact_", shape(Rule::VendorToken, is_base64url, (40, 250), is_random)),
    ("scauth_", shape(Rule::VendorToken, is_authress, (50, 200), is_random)),
    ("authress_", shape(Rule::VendorToken, is_authress, (50, 200), is_random)),
    ("bkpt_", shape(Rule::VendorToken, is_base64url, (40, 400), is_random)),
    ("bkaa_", shape(Rule::VendorToken, is_base64url, (40, 400), is_random)),
    ("cnvca", shape(Rule::VendorToken, is_base64url, (51, 51), is_random)),
    ("cfat_", shape(Rule::VendorToken, is_alphanumeric, (40, 60), is_random)),
    ("cfut_", shape(Rule::VendorToken, is_alphanumeric, (40, 60), is_random)),
    ("csa_", shape(Rule::VendorToken, is_alphanumeric, (36, 44), is_random)),
    ("dvc_server_", shape(Rule::VendorToken, is_base64url, (10, 64), has_digit)),
    ("dvc_mobile_", shape(Rule::VendorToken, is_base64url, (10, 64), has_digit)),
    ("AIK_SECRET_", shape(Rule::VendorToken, is_alphanumeric, (60, 70), is_random)),
    ("AIK_CLIENT_", shape(Rule::VendorToken, is_alphanumeric, (60, 70), is_random)),
    ("p8e-", shape(Rule::VendorToken, is_alphanumeric, (32, 32), is_random)),
    ("sat.", shape(Rule::VendorToken, is_base64url_or_dot, (60, 80), is_mixed)),
    ("s-s4t2", shape(Rule::VendorToken, is_base64url, (66, 70), is_random)),
    ("ion_", shape(Rule::VendorToken, is_alphanumeric, (42, 42), is_mixed)),
    ("lbx_", shape(Rule::VendorToken, is_base64url, (40, 50), is_mixed)),
    ("mercury_production_", shape(Rule::VendorToken, is_word, (50, 90), is_random)),
    ("persona_production_", shape(Rule::VendorToken, is_base64url, (20, 120), is_random)),
    ("persona_sandbox_", shape(Rule::VendorToken, is_base64url, (20, 120), is_random)),
    ("pina_", shape(Rule::VendorToken, is_base64url, (40, 200), is_mixed)),
    ("polar_", shape(Rule::VendorToken, is_base64url, (40, 120), is_mixed)),
    ("phc_", shape(Rule::VendorToken, is_base64url, (40, 60), is_mixed)),
    ("ramp_sec_", shape(Rule::VendorToken, is_alphanumeric, (40, 60), is_random)),
    ("rpa_", shape(Rule::VendorToken, is_alphanumeric, (30, 50), is_random)),
    ("rootly_", shape(Rule::VendorToken, is_hex, (64, 64), is_random)),
    ("samsara_api_", shape(Rule::VendorToken, is_alphanumeric, (24, 32), is_random)),
    ("sm_aat_", shape(Rule::VendorToken, is_alphanumeric, (16, 24), has_digit_or_mix)),
    ("sm_pat_", shape(Rule::VendorToken, is_alphanumeric, (16, 24), has_digit_or_mix)),
    ("sm_sat_", shape(Rule::VendorToken, is_alphanumeric, (16, 24), has_digit_or_mix)),
    ("ucat_", shape(Rule::VendorToken, is_alphanumeric, (24, 40), is_mixed)),
    ("vtwn_", shape(Rule::VendorToken, is_base64url, (20, 80), is_mixed)),
    ("vcr_", shape(Rule::VendorToken, is_base64url, (50, 70), is_random)),
    ("vci_", shape(Rule::VendorToken, is_base64url, (50, 70), is_random)),
    ("wrka-", shape(Rule::VendorToken, is_base64url_or_dot, (60, 200), is_random)),
    ("wrkaj-", shape(Rule::VendorToken, is_base64url_or_dot, (60, 200), is_random)),
    ("wrkapj-", shape(Rule::VendorToken, is_base64url_or_dot, (60, 200), is_random)),
    ("packagist_", shape(Rule::VendorToken, is_word, (30, 90), is_random)),
    ("prf_", shape(Rule::VendorToken, is_base64url, (32, 60), is_mixed)),
    ("cog_", shape(Rule::VendorToken, is_lower_or_digit, (52, 52), is_random)),
    ("v1.local.", shape(Rule::VendorToken, is_base64url_or_dot, (60, LONG), is_random)),
    ("v2.local.", shape(Rule::VendorToken, is_base64url_or_dot, (60, LONG), is_random)),
    ("v3.local.", shape(Rule::VendorToken, is_base64url_or_dot, (60, LONG), is_random)),
    ("v4.local.", shape(Rule::VendorToken, is_base64url_or_dot, (60, LONG), is_random)),
    ("v2.public.", shape(Rule::VendorToken, is_base64url_or_dot, (60, LONG), is_random)),
    ("v3.public.", shape(Rule::VendorToken, is_base64url_or_dot, (60, LONG), is_random)),
    ("v4.public.", shape(Rule::VendorToken, is_base64url_or_dot, (60, LONG), is_random)),
    ("bpk-", shape(Rule::VendorToken, is_hex, (32, 32), is_random)),
    ("cr-", shape(Rule::VendorToken, is_hex, (58, 58), is_random)),
    ("slk_", shape(Rule::VendorToken, is_hex, (64, 64), is_random)),
    ("ovsxat_", shape(Rule::VendorToken, is_dashed_hex, (36, 36), has_digit)),
    ("ovsxp_", shape(Rule::VendorToken, is_dashed_hex, (36, 36), has_digit)),
    ("phr_", shape(Rule::VendorToken, is_alphanumeric, (40, 60), is_mixed)),
    ("phs_", shape(Rule::VendorToken, is_alphanumeric, (40, 60), is_mixed)),
    ("tgp_v1_", shape(Rule::VendorToken, is_base64url, (40, 50), is_mixed)),
    ("zpka_", shape(Rule::VendorToken, is_word, (41, 41), is_random)),
    ("APP_USR-", shape(Rule::VendorToken, is_dashed_hex, (50, 90), is_random)),
    ("RGAPI-", shape(Rule::VendorToken, is_dashed_hex, (36, 36), has_digit)),
    ("pat-na2-", shape(Rule::VendorToken, is_dashed_hex, (36, 36), has_digit)),
    ("pat-na3-", shape(Rule::VendorToken, is_dashed_hex, (36, 36), has_digit)),
    ("pat-ap1-", shape(Rule::VendorToken, is_dashed_hex, (36, 36), has_digit)),
    ("LSIA", shape(Rule::VendorToken, is_upper_or_digit, (16, 16), has_digit)),
    ("tgpak_", shape(Rule::VendorToken, is_lower_or_digit, (40, 60), is_random)),
    ("tgpat_", shape(Rule::VendorToken, is_lower_or_digit, (40, 60), is_random)),
    ("sdk-", shape(Rule::VendorToken, is_dashed_hex, (36, 36), has_digit)),
    ("VF.", shape(Rule::VendorToken, is_base64url_or_dot, (40, 60), is_mixed)),
    ("ddog_", shape(Rule::VendorToken, is_alphanumeric, (32, 60), is_mixed)),
    ("prk_", shape(Rule::VendorToken, is_alphanumeric, (32, 60), is_mixed)),
    ("api_org_", shape(Rule::VendorToken, is_alphanumeric, (34, 40), has_digit_or_mix)),
    ("e2b_", shape(Rule::VendorToken, is_hex, (40, 40), is_random)),
    ("cal_live_", shape(Rule::VendorToken, is_hex, (32, 32), is_random)),
    ("lin_wh_", shape(Rule::VendorToken, is_alphanumeric, (32, 80), is_random)),
    ("gcntfy-", shape(Rule::VendorToken, is_base64url, (73, 140), is_random)),
    ("DO00", shape(Rule::VendorToken, is_upper_or_digit, (16, 16), has_digit)),
    ("BBDC-", shape(Rule::VendorToken, is_base64, (40, 60), is_mixed)),
    ("KEY0", shape(Rule::VendorToken, is_base64url, (50, 60), is_mixed)),
    ("IGQV", shape(Rule::VendorToken, is_base64url, (100, 300), is_mixed)),
    ("APA91", shape(Rule::VendorToken, is_base64url, (100, 300), is_mixed)),
    ("live_", shape(Rule::VendorToken, is_alphanumeric, (28, 60), is_random)),
    ("rzp_test_", shape(Rule::VendorToken, is_alphanumeric, (14, 32), has_digit_or_mix)),
    ("ls__", shape(Rule::VendorToken, is_hex, (32, 32), is_random)),
    ("nfc_", shape(Rule::VendorToken, is_alphanumeric, (36, 64), is_random)),
    ("nfo_", shape(Rule::VendorToken, is_alphanumeric, (36, 64), is_random)),
    ("nfu_", shape(Rule::VendorToken, is_alphanumeric, (36, 64), is_random)),
    ("nfb_", shape(Rule::VendorToken, is_alphanumeric, (36, 64), is_random)),
    ("vercel_blob_rw_", shape(Rule::VendorToken, is_word, (30, 80), is_mixed)),
    ("AKID", shape(Rule::VendorToken, is_alphanumeric, (32, 36), is_mixed)),
    ("AKLT", shape(Rule::VendorToken, is_base64url, (40, 64), is_mixed)),
    ("ALTAK-", shape(Rule::VendorToken, is_path, (40, 100), is_random)),
    ("GOOG1E", shape(Rule::VendorToken, is_upper_or_digit, (55, 60), is_random)),
    ("IQoJb3JpZ2lu", shape(Rule::VendorToken, is_base64, (100, LONG), is_random)),
    ("FwoGZXIvYXdz", shape(Rule::VendorToken, is_base64, (100, LONG), is_random)),
    ("amzn1.oa2-cs.", shape(Rule::VendorToken, is_base64url_or_dot, (60, 80), is_random)),
    ("nsec1", shape(Rule::VendorToken, is_lower_or_digit, (58, 58), is_random)),
    ("xprv", shape(Rule::VendorToken, is_alphanumeric, (107, 108), is_mixed)),
    ("sess-", shape(Rule::VendorToken, is_alphanumeric, (40, 40), is_mixed)),
    ("KGAT_", shape(Rule::VendorToken, is_hex, (32, 32), is_random)),
    ("sk.eyJ", shape(Rule::VendorToken, is_base64url_or_dot, (80, 300), is_random)),
    ("secret-", shape(Rule::VendorToken, is_alphanumeric, (40, 50), is_mixed)),
    ("ser.", shape(Rule::VendorToken, is_alphanumeric, (22, 22), is_mixed)),
    ("dG9rO", shape(Rule::VendorToken, is_base64, (50, 60), is_random)),
    ("cflt", shape(Rule::VendorToken, is_base64, (60, 64), is_mixed)),
    ("AVNS_", shape(Rule::VendorToken, is_base64url, (15, 30), is_mixed)),
    ("npg_", shape(Rule::VendorToken, is_alphanumeric, (12, 24), is_mixed)),
    ("CCDB1_", shape(Rule::VendorToken, is_base64url, (60, 70), is_mixed)),
    ("essu_", shape(Rule::VendorToken, is_base64, (40, 120), is_mixed)),
    ("xaat-", shape(Rule::VendorToken, is_dashed_hex, (36, 36), has_digit)),
    ("xapt-", shape(Rule::VendorToken, is_dashed_hex, (36, 36), has_digit)),
    ("hcbik_", shape(Rule::VendorToken, is_alphanumeric, (50, 70), is_random)),
    ("hcxik_", shape(Rule::VendorToken, is_alphanumeric, (50, 70), is_random)),
    ("shpua_", shape(Rule::VendorToken, is_hex, (32, 64), is_random)),
    ("shptka_", shape(Rule::VendorToken, is_hex, (32, 64), is_random)),
    ("figu_", shape(Rule::VendorToken, is_base64url, (36, 60), is_random)),
    ("glwt-", shape(Rule::VendorToken, is_base64url, (20, 64), is_random)),
];

/// Under prefixes of three bytes.
#[rustfmt::skip]
pub(super) static SHORT: &[(&str, TokenForm)] = &[
    ("sk_", shape(Rule::StripeKey, is_word, (20, 300), is_sk_key)),
    ("hf_", shape(Rule::VendorToken, is_alphanumeric, (34, 40), has_digit_or_mix)),
    ("r8_", shape(Rule::VendorToken, is_alphanumeric, (37, 40), is_random)),
    ("re_", shape(Rule::VendorToken, is_word, (30, 40), is_resend)),
    ("SG.", shape(Rule::VendorToken, is_base64url_or_dot, (50, 80), is_sendgrid)),
    ("fc-", shape(Rule::VendorToken, is_hex, (32, 32), is_random)),
    ("A3-", shape(Rule::VendorToken, is_base64url, (33, 38), is_one_password)),
    ("oy2", shape(Rule::VendorToken, is_lower_or_digit, (43, 43), is_random)),
    ("t1.", shape(Rule::VendorToken, is_yandex, (90, 400), is_random)),
    (":AA", shape(Rule::VendorToken, is_base64url, (33, 33), is_mixed)),
    ("pa-", shape(Rule::VendorToken, is_base64url, (43, 43), is_mixed)),
    ("rf_", shape(Rule::VendorToken, is_alphanumeric, (20, 40), is_mixed)),
    ("fw_", shape(Rule::VendorToken, is_alphanumeric, (20, 40), is_mixed)),
    ("sl.", shape(Rule::VendorToken, is_base64url_or_dot, (100, LONG), is_mixed)),
    ("EAA", shape(Rule::VendorToken, is_alphanumeric, (90, 400), is_mixed)),
    ("cio", shape(Rule::VendorToken, is_alphanumeric, (32, 32), is_mixed)),
    ("al-", shape(Rule::VendorToken, is_base64url, (43, 43), is_mixed)),
    ("pat", shape(Rule::VendorToken, is_airtable, (79, 79), is_mixed)),
    ("pk_", shape(Rule::VendorToken, is_word, (34, 50), is_pk_key)),
];

/// Those whose prefix or random part holds more than letters, digits and `-._~`: they are searched for as they are.
#[rustfmt::skip]
pub(super) static ANYWHERE: &[(&str, TokenForm)] = &[
    ("hooks.slack.com/", shape(Rule::SlackToken, is_path, (28, 220), has_digit_or_mix)),
    ("xoxd-", shape(Rule::SlackToken, is_slack_cookie, (20, 300), has_digit)),
    ("apk_", shape(Rule::VendorToken, is_base64, (100, 200), is_random)),
    ("eyJrIjoi", shape(Rule::VendorToken, is_base64, (60, 400), is_random)),
    ("whsec_", shape(Rule::StripeKey, is_base64, (16, 300), is_random)),
    ("1//0", shape(Rule::GoogleKey, is_base64url, (40, 200), is_random)),
    ("FlyV1 fm", shape(Rule::VendorToken, is_fly, (60, LONG), is_random)),
    ("access_token$production$", shape(Rule::VendorToken, is_braintree, (40, 64), is_random)),
    ("/api/webhooks/", shape(Rule::VendorToken, is_path, (70, 110), is_random)),
    (".webhook.office.com/", shape(Rule::VendorToken, is_path, (60, 300), is_random)),
    ("hooks.zapier.com/hooks/catch/", shape(Rule::VendorToken, is_path, (10, 60), has_digit)),
    ("AstraCS:", shape(Rule::VendorToken, is_astra, (20, 120), is_random)),
    ("incoming+", shape(Rule::VendorToken, is_base64url, (30, 120), is_mixed)),
    ("outlook.office.com/webhook", shape(Rule::VendorToken, is_path, (60, 300), is_random)),
];

/// Whether the bytes hold digits, capitals and small letters, and vary as random ones do.
fn is_mixed(secret: &[u8]) -> bool {
    let holds = |kind: fn(&u8) -> bool| secret.iter().any(kind);
    holds(u8::is_ascii_uppercase) && holds(u8::is_ascii_lowercase) && is_random(secret)
}

/// What follows `sk_`: words such as `live`, and a random part, which is shorter behind the words that Stripe uses.
fn is_sk_key(secret: &[u8]) -> bool {
    let random = secret.rsplit(|byte| *byte == b'_').next().unwrap_or_default();
    let known = [b"live_".as_slice(), b"test_", b"prod_", b"org_"].iter().any(|word| secret.starts_with(word));
    let letters = known && random.len() >= 24 && random.iter().any(u8::is_ascii_uppercase);
    random.len() >= if known { 10 } else { 16 } && (is_random(random) || letters && has_digit_or_mix(random))
}

/// Eight characters, an underscore, and at least twenty more.
fn is_resend(secret: &[u8]) -> bool {
    secret.get(8) == Some(&b'_') && !secret[9..].contains(&b'_') && is_mixed(secret)
}

/// What follows `pk_` in private keys: one random part, or a number before one in capitals. Others are public.
fn is_pk_key(secret: &[u8]) -> bool {
    let random = secret.rsplit(|byte| *byte == b'_').next().unwrap_or_default();
    let number = &secret[..secret.len() - random.len()];
    let numbered = number.iter().all(|byte| byte.is_ascii_digit() || *byte == b'_');
    let capitals = !random.iter().any(u8::is_ascii_lowercase);
    numbered && is_random(random) && if number.is_empty() { random.len() == 34 } else { capitals && random.len() >= 30 }
}

/// Two random parts with a dot between them.
fn is_sendgrid(secret: &[u8]) -> bool {
    memchr::memchr_iter(b'.', secret).count() == 1 && is_random(secret)
}

/// Groups of capitals and digits.
fn is_one_password(secret: &[u8]) -> bool {
    memchr::memchr_iter(b'-', secret).count() >= 4 && !secret.iter().any(u8::is_ascii_lowercase)
}

fn is_dashed_hex(byte: u8) -> bool {
    is_hex(byte) || byte == b'-'
}

fn is_lower_or_digit(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

fn is_path(byte: u8) -> bool {
    is_base64url(byte) || matches!(byte, b'/' | b'@' | b'.')
}

fn is_slack_cookie(byte: u8) -> bool {
    is_base64(byte) || is_base64url(byte) || byte == b'%'
}

fn is_planetscale(byte: u8) -> bool {
    is_base64url_or_dot(byte) || byte == b'='
}

fn is_sentry(byte: u8) -> bool {
    is_base64(byte) || is_base64url(byte)
}

fn is_fly(byte: u8) -> bool {
    is_base64(byte) || matches!(byte, b'_' | b',' | b'-')
}

fn is_airtable(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'.'
}

fn is_braintree(byte: u8) -> bool {
    is_lower_or_digit(byte) || byte == b'$'
}

fn is_twitter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'%'
}

fn is_astra(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b':'
}

fn is_authress(byte: u8) -> bool {
    is_base64(byte) || is_base64url_or_dot(byte)
}

fn is_yandex(byte: u8) -> bool {
    is_base64url_or_dot(byte) || byte == b'='
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_prefix_hides_behind_a_shorter_one_that_comes_first() {
        for table in [VENDORS, SHORT, ANYWHERE] {
            for (index, (prefix, _)) in table.iter().enumerate() {
                let hidden = table[..index].iter().find(|(earlier, _)| prefix.starts_with(earlier));
                assert!(hidden.is_none(), "{prefix}");
            }
        }
    }
}
