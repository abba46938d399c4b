//! The addresses of pages in the AWS documentation.

/// A page of the AWS documentation.
pub(crate) fn aws_page(page: &str) -> String {
    format!("https://docs.aws.amazon.com/{page}.html")
}

/// A page of the API reference of Application Auto Scaling.
pub(crate) fn api_page(page: &str) -> String {
    aws_page(&format!("autoscaling/application/APIReference/{page}"))
}
