// What the kernel knows. A row of activations.py, losses.py or optimizers.py that is not in these tables is left to the
// reference. A new one needs its value and its row here, and its case in activations.hpp, loss.hpp or update.hpp, which
// the compiler asks for.
#pragma once

namespace chainrule {

enum class Function { identity, sigmoid, tanh, relu, leaky_relu, elu, selu, softplus, gelu, silu, mish, softmax, exp };

constexpr struct {
    const char* name;
    Function value;
} FUNCTIONS[] = {
    {"identity", Function::identity},
    {"sigmoid", Function::sigmoid},
    {"tanh", Function::tanh},
    {"relu", Function::relu},
    {"leaky_relu", Function::leaky_relu},
    {"elu", Function::elu},
    {"selu", Function::selu},
    {"softplus", Function::softplus},
    {"gelu", Function::gelu},
    {"silu", Function::silu},
    {"mish", Function::mish},
    {"softmax", Function::softmax},
    {"exp", Function::exp},
};

enum class Loss { binary_cross_entropy, cross_entropy, half_squared_error, absolute, huber, poisson };

// A loss takes Z[L], so each is for the output activations that it was written for.
constexpr struct {
    const char *name, *output;
    Loss value;
} LOSSES[] = {
    {"binary_cross_entropy", "sigmoid", Loss::binary_cross_entropy},
    {"cross_entropy", "softmax", Loss::cross_entropy},
    {"half_squared_error", "identity", Loss::half_squared_error},
    {"half_squared_error", "relu", Loss::half_squared_error},
    {"half_squared_error", "tanh", Loss::half_squared_error},
    {"half_squared_error", "sigmoid", Loss::half_squared_error},
    {"absolute", "identity", Loss::absolute},
    {"huber", "identity", Loss::huber},
    {"poisson", "exp", Loss::poisson},
};

// `gradient` is no optimizer: it puts the gradient in the place of the parameters.
enum class Rule { gradient, gradient_descent, momentum, heavy_ball, nesterov, rmsprop, adam };

constexpr struct {
    const char* name;
    Rule value;
} RULES[] = {
    {"GradientDescent", Rule::gradient_descent},
    {"Momentum", Rule::momentum},
    {"HeavyBall", Rule::heavy_ball},
    {"Nesterov", Rule::nesterov},
    {"RMSProp", Rule::rmsprop},
    {"Adam", Rule::adam},
};

}  // namespace chainrule
