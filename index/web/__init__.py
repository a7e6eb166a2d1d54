"""What is fetched from and posted to the network; alone opens sockets."""
